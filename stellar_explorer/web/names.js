/** Names of concepts as they are shown: [word, score, is it certain], the best first. */

/** "dog", or "dog?" where it is not certain; null where there is none. */
export function nameOf(names) {
  const [word, , isCertain] = names?.[0] ?? [];
  return word === undefined ? null : isCertain ? word : `${word}?`;
}

/** "dog 93 %, golden retriever? 41 %"; "" where there is none. */
export function namesInWords(names) {
  return (names ?? []).map((name) => `${nameOf([name])} ${Math.round(name[1] * 100)} %`).join(", ");
}
