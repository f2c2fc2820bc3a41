"""Which vectors lie nearest: FAISS, exactly, or Milvus."""
