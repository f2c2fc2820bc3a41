/** Names of concepts as they are shown: [word, score, is it certain], the best first; taught words, [word, score], come
 * before them and are as certain as who taught them. */

/** "dog", or "dog?" where it is not certain; null where there is none. */
export function nameOf(names, taught) {
  if (taught?.length) return taught[0][0];
  const [word, , isCertain] = names?.[0] ?? [];
  return word === undefined ? null : isCertain ? word : `${word}?`;
}

/** "By a taught word: mug 80 %. Named by a classifier: dog 93 %, golden retriever? 41 %"; "" where there is none. */
export function namesInWords(names = [], taught = []) {
  const said = (all, name) => all.map((one) => `${name(one)} ${Math.round(one[1] * 100)} %`).join(", ");
  return [taught.length && `By a taught word: ${said(taught, ([word]) => word)}`,
    names.length && `Named by a classifier: ${said(names, (one) => nameOf([one]))}`].filter(Boolean).join(". ");
}
