/** What of an answer is a match, what narrows it down, and which words are suggested. */

import assert from "node:assert/strict";
import test from "node:test";

import { countIn, grouped, pairsOf, similarity } from "../../../stellar_explorer/web/retrieve/results/matches.js";
import { NO_FILTERS, filtersInAddress, isNarrow, keptOf, readFilters,
  whereOf } from "../../../stellar_explorer/web/retrieve/results/narrowing.js";
import { suggested, vocabularyOf } from "../../../stellar_explorer/web/retrieve/question/suggestions.js";

const results = [0.8, 0.5, 0.2, -0.1].map((score, photo) => ({ photo, score, hits: [] }));
const photosOf = ({ matches, weaker }) => [matches, weaker].map((all) => all.map(({ photo }) => photo));

test("matches are above the measured likeness, in their order, and nothing is lost", () => {
  assert.deepEqual(photosOf(grouped(results, { chance: 0.5 })), [[0, 1], [2, 3]]);
  assert.deepEqual(photosOf(grouped(results, {})), [[0, 1, 2, 3], []], "where none is measured, all are");
  const said = results.map((one, place) => ({ ...one, is_match: place === 3 }));
  assert.deepEqual(photosOf(grouped(said, { chance: 0.5 })), [[3], [0, 1, 2]], "the server knows better");
  assert.deepEqual(photosOf(grouped(results, { chance: 0.5, least: 0.2 })), [[0, 1], [2]]);
  assert.deepEqual(photosOf(grouped(results, { least: 0 })), [[0, 1, 2, 3], []], "a cosine may be negative");
});

test("the count says how many match, and that none does", () => {
  const found = { results, num_photos: 1200, k: 60 };
  assert.equal(countIn(found, { chance: 0.5 }), "2 matches in 1,200 photos, the best at 0.80");
  assert.equal(countIn(found, { chance: 0.5, least: 0.6 }), "1 of 2 matches in 1,200 photos, the best at 0.80");
  assert.equal(countIn(found, { chance: 0.9 }), "No match in 1,200 photos, the best at 0.80");
  assert.equal(countIn({ ...found, k: 4 }, {}), "The best 4 matches in 1,200 photos, the best at 0.80");
  assert.equal(countIn({ ...found, results: [] }, {}), "");
});

test("a similarity has two digits and no negative zero", () => {
  assert.deepEqual([0.456, -0.001, -0.2, 1].map(similarity), ["0.46", "0.00", "-0.20", "1.00"]);
});

test("of whole photos the strongest pairs are lit, as far as they can be seen", () => {
  const hits = [1, 2, 3, 4].map((token) => ({ token, mask: token === 2 ? [] : [0, 4] }));
  const matched = [[9, 1, 0.2], [8, 2, 0.9], [7, 4, 0.8]].map(([query_token, token, cosine]) =>
    ({ query_token, token, cosine }));
  assert.deepEqual(pairsOf({ hits, matched }), [{ queryToken: 7, token: 4 }, { queryToken: 9, token: 1 }]);
  assert.deepEqual(pairsOf({ hits }).map(({ token }) => token), [1, 3, 4]);
});

test("filters are kept and written where they differ from none, and read again", () => {
  const values = { label: "dog", size: "small", place: "left", fold: true, self: true };
  const said = new URLSearchParams(Object.entries(filtersInAddress(values)));
  assert.deepEqual({ ...NO_FILTERS, ...readFilters(said) }, values);
  assert.deepEqual(keptOf({ ...NO_FILTERS }), {});
  assert.deepEqual(Object.values(filtersInAddress(NO_FILTERS)), [null, null, null, null, null]);
  assert.deepEqual(whereOf(values), { labels: ["dog"], mass: [0, 0.05], region: [0, 0, 0.4, 1], not_this: false });
  assert.deepEqual(whereOf(NO_FILTERS), { not_this: true });
  assert.ok(isNarrow(values) && !isNarrow({ ...NO_FILTERS, fold: true, self: true }));
});

const SUGGESTIONS = [["dog", 6, "name"], ["gun dog", 5, "name"], ["hotdog", 1, "category"], ["Mug", 2, "taught"],
  ["cup", 2, "taught"]].map(([word, photos, kind]) => ({ word, photos, kind }));
const VOCABULARY = vocabularyOf({ suggestions: SUGGESTIONS }, ["ball", "mug"]);

test("one's own words come first, and no word twice", () => {
  assert.deepEqual(VOCABULARY.map(({ word }) => word), ["ball", "mug", "dog", "gun dog", "hotdog", "cup"]);
  assert.deepEqual(VOCABULARY.map(({ note }) => note),
    ["taught", "taught", "6 photos", "5 photos", "1 photo", "taught, 2 photos"]);
  assert.deepEqual(vocabularyOf({}), []);
});

test("the nearest to what is typed is suggested first", () => {
  const words = (typed) => suggested(VOCABULARY, typed).map(({ word }) => word);
  assert.deepEqual(words("DO"), ["dog", "gun dog", "hotdog"]);
  assert.deepEqual(words(" "), VOCABULARY.map(({ word }) => word));
  assert.deepEqual(words("zebra"), []);
  assert.equal(suggested(Array.from({ length: 50 }, (_, at) => ({ word: `a${at}`, note: "" })),
    "a").length, 8);
});
