/** What of an answer is a match, what is weaker, and what of two whole photos matched. Pure. */

/**
 * A photo that was found, as the server sends it. is_match: whether its similarity is above what unlike photos reach.
 * matched: of a whole photo, which concept of the query matched which of this one.
 * @typedef {{photo: number, title: string, label: string | null, score: number, is_match?: boolean, alike: number[],
 *   hits: any[],
 *   thumbnail: string, width: number, height: number, matched?: {query_token: number, token: number,
 *   cosine: number}[]}} Result
 * @typedef {{results: Result[], num_photos: number, matches?: number, advice?: string | null, k: number}} Found
 */

/** Of a whole photo all is lit and nothing is seen: what the match owes most to is enough. */
const MOST_PAIRS = 3;

/**
 * chance: the similarity that half of all photos reach to any concept; 0 where it is not known.
 * @param {Result} result @param {number} chance
 */
export function isMatch({ is_match: said, score }, chance) {
  return said ?? (chance <= 0 || score >= chance);
}

/**
 * least: the similarity below which nothing is shown, 0 for all: a cosine may be negative.
 * @param {Result[]} results @param {{least?: number, chance?: number}} options
 * @returns {{matches: Result[], weaker: Result[]}}
 */
export function grouped(results, { least = 0, chance = 0 }) {
  const shown = results.filter(({ score }) => least <= 0 || score >= least);
  return { matches: shown.filter((one) => isMatch(one, chance)), weaker: shown.filter((one) => !isMatch(one, chance)) };
}

/**
 * Which concept of a whole photo matched which of the query's, the strongest first.
 * @param {Result} result
 * @returns {{queryToken: number, token: number}[]}
 */
export function pairsOf({ matched, hits }) {
  const isSeen = (/** @type {number} */ token) => hits.some((hit) => hit.token === token && hit.mask.length);
  const pairs = matched
    ? [...matched].sort((a, b) => b.cosine - a.cosine).map((one) => ({ queryToken: one.query_token, token: one.token }))
    : hits.map(({ token }) => ({ queryToken: token, token }));
  return pairs.filter(({ token }) => isSeen(token)).slice(0, MOST_PAIRS);
}

/** As it is written: two digits, and no zero below zero. @param {number} score */
export const similarity = (score) => score.toFixed(2).replace(/^-(?=0\.00$)/, "");

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

/**
 * "7 matches in 20 photos, the best at 0.83".
 * @param {Found} found
 * @param {{least?: number, chance?: number}} options
 */
export function countIn({ results, num_photos: all, k }, { least = 0, chance = 0 }) {
  const [best] = results;
  if (!best) return "";
  const every = grouped(results, { chance }).matches.length;
  const shown = grouped(results, { chance, least }).matches.length;
  const isMore = every === results.length && results.length >= k;
  const number = isMore ? `the best ${counted(every, "match", "matches")}` : counted(every, "match", "matches");
  const said = shown < every ? `${shown} of ${number}` : number;
  const words = every ? said : "No match";
  const count = words[0].toUpperCase() + words.slice(1);
  return `${count} in ${counted(all, "photo")}, the best at ${similarity(best.score)}`;
}
