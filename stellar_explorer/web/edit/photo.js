// @ts-nocheck
/** The photo that the Edit tab is about, for whoever else on that tab follows it. */

let current = null;
const followers = new Set();

/** photo: {asked, model}, asked being {example} or {photo: token}. */
export function tellPhoto(photo) {
  current = photo;
  for (const take of followers) take(photo);
}

/** take(photo) is called with each photo from now on, and at once with the one that is there. */
export function followPhoto(take) {
  followers.add(take);
  if (current) take(current);
}
