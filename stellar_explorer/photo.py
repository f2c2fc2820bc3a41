"""Any file a person has -> an upright RGB photo -> a tensor: what model/photo.py offers to the page."""

from model.photo import (
    FORMATS,
    MAX_BYTES,
    MAX_PATCH_SIZE,
    MAX_PIXELS,
    MAX_RESOLUTION,
    MIN_RESOLUTION,
    MIN_SIDE,
    fit,
    fitted_size,
    open_photo,
    printable,
)

__all__ = ["FORMATS", "MAX_BYTES", "MAX_PATCH_SIZE", "MAX_PIXELS", "MAX_RESOLUTION", "MIN_RESOLUTION", "MIN_SIDE",
           "fit", "fitted_size", "open_photo", "printable"]
