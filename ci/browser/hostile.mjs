// Decks that are made to overflow, to be lost in, or to be empty; written in Markdown, built by the generator.

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const slides = (...all) => all.join('\n\n---\n\n') + '\n';
const times = (n, of) => Array.from({ length: n }, (_, i) => of(i));
const word = n => 'Donaudampfschifffahrtsgesellschaftskapitän'.repeat(Math.ceil(n / 42)).slice(0, n);
const table = (rows, columns, cell) => [
  `|${times(columns, c => ` column ${c} |`).join('')}`,
  `|${'---|'.repeat(columns)}`,
  ...times(rows, r => `|${times(columns, c => ` ${cell(r, c)} |`).join('')}`),
].join('\n');
const code = (lines, line) => ['```rust', ...times(lines, line), '```'].join('\n');
const variants = ['', 'grow', 'shrink', 'strike', 'fade-out', 'fade-up', 'fade-down', 'fade-left', 'fade-right', 'fade-in-then-out',
  'current-visible', 'fade-in-then-semi-out', 'semi-fade-out', 'highlight-red', 'highlight-green', 'highlight-blue',
  'highlight-current-red', 'highlight-current-green', 'highlight-current-blue', 'custom'];
const fragment = classes => `<!-- .element: class="fragment ${classes}" -->`;

const drawing = (width, height) => `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`
  + `<rect width="100%" height="100%" fill="#357"/><circle cx="50%" cy="50%" r="40%" fill="#fc6"/></svg>`;

/** Name of the deck → its Markdown. */
export const decks = {
  words: slides(
    `# ${word(60)}\n\n${word(300)}`,
    `## ${word(25)} ${word(30)}\n\n- ${word(200)}\n- [${word(120)}](https://example.org/)\n- \`${word(150)}\``,
    `### Text without a space\n\n${'漢字仮名交じり文は空白なしに続く。'.repeat(40)}\n\n${'ภาษาไทยไม่มีช่องว่าง'.repeat(20)}`,
    `## A wall\n\n${'The quick brown fox jumps over the lazy dog, and nobody is told why. '.repeat(40)}`,
    `## A list\n\n${times(60, i => `- point ${i}`).join('\n')}`,
    `## Deep\n\n${times(12, i => `${'  '.repeat(i)}- level ${i} of a list that goes down and down`).join('\n')}`,
    `> ${word(400)}\n\n<center>${word(90)}</center>`,
  ),
  tables: slides(
    `## Wide\n\n${table(4, 16, (r, c) => `cell ${r}.${c}`)}`,
    `## Long\n\n${table(45, 3, (r, c) => `row ${r}, column ${c}`)}`,
    `## Heavy\n\n${table(3, 4, () => word(50))}`,
    `## Two\n\n${table(4, 8, (r, c) => r * c)}\n\n${table(4, 12, (r, c) => `${r}/${c}`)}`,
  ),
  code: slides(
    `## Long\n\n${code(70, i => `let line_${i} = compute(${i});`)}`,
    `## Wide\n\n${code(4, i => `let line_${i} = "${'x'.repeat(400)}";`)}`,
    `## Both\n\n${code(50, i => `fn number_${i}() -> Result<Vec<HashMap<String, u64>>, Box<dyn Error>> { ${'call(); '.repeat(12)} }`)}`,
    `## In a list\n\n1. first\n\n   ${code(12, i => `let a_${i} = ${'1 + '.repeat(30)}1;`).replaceAll('\n', '\n   ')}\n\n2. second`,
    `## Steps\n\n\`\`\`rust [1|3-4|1,5|]\n${times(6, i => `let x${i} = ${i};`).join('\n')}\n\`\`\``,
  ),
  fragments: slides(
    `## Every kind\n\n${variants.map(v => `${v || 'plain'} ${fragment(v)}`).join('\n\n')}`,
    `## Sixty\n\n${times(60, i => `- ${i} ${fragment('')}`).join('\n')}`,
    `## Growing\n\n${'A block that grows while it is as wide as the slide is. '.repeat(3)}\n${fragment('grow')}\n\n${word(30)} ${fragment('grow')}`,
    `## Orders\n\n- last <!-- .element: class="fragment" data-fragment-index="9" -->\n- first <!-- .element: class="fragment" data-fragment-index="1" -->\n- last too <!-- .element: class="fragment" data-fragment-index="9" -->`,
    `## A stack\n\n<div class="r-stack">\n<p class="fragment current-visible">one</p>\n<p class="fragment current-visible">two</p>\n<p class="fragment">three</p>\n</div>`,
  ),
  pictures: slides(
    '## Giant\n\n![](giant.svg)',
    '## Tall\n\n![](tall.svg)\n\nAnd a line below.',
    '## Wide\n\n![](wide.svg)',
    `## Six\n\n${times(6, () => '![](giant.svg)').join(' ')}`,
    `## Words and a picture\n\n${times(9, i => `- a point, number ${i}`).join('\n')}\n\n![](giant.svg)`,
    '## Stretched\n\nA line.\n\n<img src="small.svg" class="r-stretch">\n\nAnother line.',
    '## Stretched in a paragraph\n\n<p class="stretch center"><img src="small.svg"></p>\n\n<p class="right"><small>a credit</small></p>',
    '## Sizes of its own\n\n<img src="giant.svg" style="width: 2400px"> <img src="small.svg" width="1900" height="40">',
    '## Beside\n\n<div class="left" style="width: 65%">\n\n- one\n- two\n\n</div>\n\n<p class="right"><img src="tall.svg"><br><small>credit</small></p>',
    '## Framed\n\n<div class="r-hstack"><img src="tall.svg" class="r-frame"><img src="wide.svg"></div>\n\n<div class="r-vstack"><img src="giant.svg"><p>below</p></div>',
    '<h2 class="r-fit-text">FIT</h2>\n\n<h2 class="r-fit-text">This is a line of text that fits, whatever it takes</h2>',
  ),
  pixels: slides(
    '## Fonts\n\n<p style="font-size: 150px">A hundred and fifty pixels, more than once</p>\n\n<p style="font-size: 6em">six em</p>',
    '## A box\n\n<div style="width: 1700px; height: 1100px; background: #888">wide and high</div>',
    '## One line\n\n<p style="white-space: nowrap">' + 'on and on '.repeat(40) + '</p>',
    '## Wider than all\n\n<div style="width: 130%; background: #888">a hundred and thirty percent</div>',
    '## Pulled out\n\n<div style="margin-left: -200px; background: #888">to the left</div>\n\n<div style="margin-right: -400px; background: #888">to the right</div>',
    // What is put beyond a slide's left or upper edge stays there: a page has no room before its start.
    '## Placed\n\n<div style="position: absolute; left: 1500px; top: 900px">far away</div>',
    '## Turned\n\n<div style="transform: rotate(5deg); width: 500px; margin: 3em; background: #888">five degrees</div>',
    '## Moved\n\n<div style="position: relative; left: 700px; width: 900px; background: #888">by seven hundred</div>',
    '## Window sized\n\n<div style="width: 100vw; height: 100vh; background: #888">all of it</div>',
  ),
  backgrounds: slides(
    '<!-- .slide: data-background-color="#102040" -->\n## Dark\n\nText and a [link](https://example.org/), `code`.\n\n```rust\nlet x = "y"; // z\n```',
    '<!-- .slide: data-background-color="papayawhip" -->\n## Light\n\nText and a [link](https://example.org/), `code`.',
    '<!-- .slide: data-background-gradient="linear-gradient(to bottom, #283b95, #17b2c3)" -->\n## Gradient',
    '<!-- .slide: data-background-image="giant.svg" data-background-size="200px" data-background-repeat="repeat" data-background-opacity="0.2" -->\n## Picture',
    '<!-- .slide: data-background-iframe="inner.html" -->\n## Frame',
    '<!-- .slide: data-state="special" data-background-color="rgb(0 0 0 / 90%)" -->\n## State',
  ),
  odd: slides(
    '', '## After nothing', '<!-- .slide: data-visibility="hidden" -->\n## Never seen', '<!-- .slide: data-visibility="uncounted" -->\n## Not counted',
    '<!-- .slide: id="named thing" class="center" -->\n## A name\n\n<footer>at the foot</footer>', '# Only a heading', '<h2></h2>', '',
  ),
  one: '# The only slide\n',
  long: slides(...times(500, i => `## Slide ${i}\n\nText ${i}.`)),
};

/** Writes the decks as a site, builds it, and says what to test where. */
export async function buildHostile(applgen, scratch) {
  const site = join(scratch, 'hostile');
  writeSite(site);
  const image = join(scratch, 'hostile.unix');
  const { status, error, stderr } = spawnSync(applgen, ['build', site, '-o', image], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`\`applgen build\` of the hostile decks failed: ${error?.message ?? stderr}`);
  return Object.keys(decks).map(name => ({ target: image, path: `${name}/`, only: checksFor(name) }));
}

export function checksFor(name) {
  if (name === 'long') return ['slides', 'haste', 'overview', 'print'];
  const all = ['slides', 'walk', 'fragments', 'keys', 'addresses', 'overflow', 'resize', 'overview', 'print', 'withoutScript'];
  return ['backgrounds', 'odd', 'one', 'fragments'].includes(name) ? [...all, 'accessibility', 'axe', 'policy'] : all;
}

export function writeSite(site) {
  for (const [name, text] of Object.entries(decks)) {
    const folder = join(site, 'slides', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'slides.md'), text);
    for (const [file, width, height] of [['giant', 4000, 3000], ['tall', 200, 4000], ['wide', 6000, 100], ['small', 320, 200]]) {
      writeFileSync(join(folder, `${file}.svg`), drawing(width, height));
    }
    writeFileSync(join(folder, 'inner.html'), '<!doctype html><title>inner</title><p>inside');
  }
}
