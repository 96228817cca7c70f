// Holds our search script against elasticlunr 0.9.5: stems, stop words, indexes,
// and the documents and scores of random questions to random texts.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";

const require = createRequire(`${process.argv[2]}/`);
const theirs = require("elasticlunr");
const module = { exports: {} };
const source = readFileSync(new URL("../../../templates/website/scripts/elasticlunr.min.js", import.meta.url), "utf8");
new Function("module", "exports", source)(module, module.exports);
const ours = module.exports;
// It grumbles about questions without options.
theirs.utils.warn = () => {};

assert.deepEqual(Object.keys(ours.defaultStopWords).sort(), Object.keys(theirs.defaultStopWords).sort());

let seed = 1;
const random = n => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
const pick = list => list[random(list.length)];

// Stems: made from beginnings and endings that the rules are about.
const heads = "rel cond val hes dig conform radic differ vile analog vietnam predic oper feudal decis hope callous form sensit electr triplic good reviv allow infer airlin gyroscop adjust defens irrit replac adopt homolog commun activ angular effect bowdler prob rate ceas control roll fly sky yes by say happ agre plaster motor sing conflat troubl siz hopp tann fall hiss fizz fail fil y yell tty queue aa bcd".split(" ");
const tails = ["", ..."s es ies ed eed ing ings y ational tional enci anci izer bli abli alli entli eli ousli ization ation ator alism iveness fulness ousness aliti iviti biliti logi icate ative alize iciti ical ful ness al ance ence er ic able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize e ll le ly".split(" ")];
let stems = 0;
for (const head of heads) for (const tail of tails) for (const more of ["", "s", "ed", "ing", "ly"]) {
  const word = head + tail + more;
  assert.equal(ours.stemmer(word), theirs.stemmer(word), word);
  stems += 1;
}

let questions = 0;
for (let round = 0; round < 40; round += 1) {
  const vocabulary = Array.from({ length: 30 }, () => pick(heads) + pick(tails));
  const text = n => Array.from({ length: 1 + random(n) }, () => pick(vocabulary) + pick(["", "", ".", "-the", ", and"])).join(" ");
  const make = library => library(function () { this.addField("title"); this.addField("body"); this.setRef("id"); });
  const a = make(ours), b = make(theirs);
  for (let id = 0; id < 20; id += 1) {
    const doc = { id: `/${id}/`, title: text(5), body: text(40) };
    a.addDoc(doc);
    b.addDoc(doc);
  }
  const json = JSON.parse(JSON.stringify(b));
  assert.deepEqual(JSON.parse(JSON.stringify(a)), json);
  const loaded = [ours.Index.load(JSON.parse(JSON.stringify(json))), theirs.Index.load(JSON.parse(JSON.stringify(json)))];
  for (let n = 0; n < 50; n += 1) {
    const query = text(3);
    const config = pick([undefined, { bool: "AND" }, { expand: true }, { bool: "AND", expand: true },
      { fields: { title: { boost: 2 }, body: { boost: 1 } }, expand: true },
      { fields: { title: { boost: 3, bool: "AND", expand: false } } },
      { fields: { title: { boost: 0 }, body: {} } }]);
    const [x, y] = loaded.map(index => Object.fromEntries(index.search(query, config).map(r => [r.ref, r])));
    assert.deepEqual(Object.keys(x).sort(), Object.keys(y).sort(), `${query} ${JSON.stringify(config)}`);
    for (const ref of Object.keys(y)) {
      assert.ok(Math.abs(x[ref].score - y[ref].score) < 1e-9, `${query} ${JSON.stringify(config)} ${ref}`);
      // As the copy that Zola brings along has it.
      assert.deepEqual(x[ref].doc, json.documentStore.docs[ref]);
    }
    questions += 1;
  }
}
console.log(`search: ${stems} stems and ${questions} questions as elasticlunr 0.9.5 answers them`);
