/** What Reconstruct says of its pictures. */

/** @type {Record<string, string>} */
export const HINTS = {
  rebuilt: "Press and hold a picture to see the photo in its place.",
  slider: "The photo is left of the line; drag across any picture.",
  difference: "Dark: the same as the photo. Pale: different by 0.4 of black to white, or more.",
};

export const MEANT = [
  ["Tokens are not bytes",
    "A STELLAR concept is hundreds of numbers and a map of where it is: thousands of bytes for all of "
    + "them, in float16. A TiTok code is a few bits, so its whole picture is a few dozen bytes. A MAE token"
    + " is a patch of the photo's own pixels. The paper compares by count; the curve's second axis compares"
    + " by size."],
  ["Made for different things",
    "STELLAR's tokens learn what is in a photo and where, and the picture is one aim of several. TiTok "
    + "learns to rebuild and nothing else, MAE to guess what is hidden. At thousands of bytes an ordinary "
    + "JPEG is far ahead of all of them, as it should be."],
  ["Small and homemade",
    "The small TiTok and MAE were trained for this page; their cards under Models say on what and for how"
    + " long. They say little about the published ones, which can be chosen under the pictures where their "
    + "weights can be had."],
  ["Ceiling and floors",
    "VQ-GAN is the tokenizer whose codes STELLAR's decoder predicts, given every true code: about the "
    + "best that STELLAR could draw with it. SVD is the same decoder on the best features of the same rank."
    + " PCA and mean colours draw without a network; what does not beat them has not earned its weights."],
  ["How it is measured",
    "At the size of STELLAR's picture, against the photo at that size. Stem: 1 − cosine similarity in the frozen "
    + "features of EfficientNet-Lite0, mean of strides 8, 16 and 32; it minds what is there more than where its edges "
    + "run. One photo says little: python -m train.evaluate --protocol reconstruction measures many."],
];
