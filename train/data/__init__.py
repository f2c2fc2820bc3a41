"""Photos into batches: cropped and coloured, on the CPU or on the device."""
