// Decks made up by a seed: near-misses of separators, line endings, fences,
// notes, and whatever else might be cut in the wrong place.

/** A generator of numbers in [0, 1) that a seed decides (mulberry32). */
export function random(seed) {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

/**
 * Presets by name, the rest as reveal.js's options; no options are the
 * plugin's defaults. `lines` are what makes them split, so that decks do.
 */
export const SEPARATORS = [
	preset('reveal', {}, '---', 'A|---|B'),
	preset('reveal', { separator: '\\r?\\n---\\r?\\n', notesSeparator: '^s*notes?:' }, '---'),
	preset('reveal-md', { separator: '\\r?\\n---\\r?\\n', verticalSeparator: '\\r?\\n----\\r?\\n', notesSeparator: '^s*notes?:' }, '---', 'A|----|B'),
	preset('mirage', { separator: '^\\n\\n----\\n', verticalSeparator: '^\\n\\n', notesSeparator: '^Note:' }, '||----', '||## B', '||'),
	own('^\\n---\\n$', null, 'note:', '|---|', '|---||'),
	own('^\\r?\\n---\\r?\\n$', null, 'notes?:', '|---|', '|---||'),
	own('^\\r?\\n---\\r?\\n$', '^\\r?\\n--\\r?\\n$', '^Note:', '|---|', '|--|'),
	own('^---$', '^--$', '^(?:Note|Speaker):', '---', '--'),
	own('\\n\\n\\n', '\\n\\n', '^s*notes?:', '||', '|'),
	own('\\n(?=# )', '\\n(?=## )', '^Note:', '# A', '## B'),
	own('<!-- slide -->', '<!-- down -->', '<!-- notes -->', '<!-- slide -->', '<!-- down -->'),
	own('(\\n)---(\\n)', '(\\n)----\\2', '^(Note|Notes):', '---', '----'),
	own('[\\r\\n]+-{3}[\\r\\n]+', '[\\r\\n]+-{4,}[\\r\\n]+', '^\\s*note\\s*:', '---', '-----'),
	own('(-)\\1\\1\\n', '\\*{3}\\s', '(?<=\\n)note:', '---', '***'),
	own('^ *={3,} *\\n', '^ *-{3,} *\\n', '\\bnotes?\\b', '===', '---'),
	own('\\r?\\n---\\r?\\n|\\r?\\n\\*\\*\\*\\r?\\n', '\\r?\\n----\\r?\\n|^--\\r?\\n', '^ö:', '***', '--'),
	own('(?<a>-)\\k<a>-\\n', '\\u2028', '^[^\\S\\n]*note:', '---', '\u2028'),
	own('[!-~]\\n---\\n', '[!-~]\\n----\\n', 'note:$', 'A|---', 'A|----'),
];

function preset(name, options, ...lines) {
	return { name, options, lines };
}

function own(separator, verticalSeparator, notesSeparator, ...lines) {
	return { name: null, options: { separator, verticalSeparator, notesSeparator }, lines };
}

const LINES = [
	'', '', '', '', '---', '---', '---', '----', '----', '--', '-----', '--- ', ' ---', '\t---', '- --',
	'***', '* * *', '===', '= = =', '# A', '## B', '### C', 'text', 'more text', 'Title', 'ä € 😀',
	'Note: n', 'note:', 'Notes: a', 'NOTE: x', 'snote: y', 'ssnotes: z', ' Note: z', 'a note: b', 'Speaker: q',
	'notes', 'ö: u', 'Ö: u', '- item', '  - deep', '1. one', '> quote', '|a|b|', '|---|---|', '<div>', '</div>',
	'<!-- slide -->', '<!-- down -->', '<!-- notes -->', '<!-- .slide: a="b" -->', '<!--', '-->', '<script>', '</script>',
	'\u2028', '\u2029---', '\u0085', '\f', '\v---', '\ufeff', '    ---', '    code', '`---`', '\\---', '+++', '...', '%%',
	'```js', '``` `', '----\t',
];

const ENDINGS = [['\n'], ['\n'], ['\n'], ['\r\n'], ['\r\n'], ['\n', '\r\n'], ['\n', '\r\n', '\r']];

/** One deck: its text, and the text with what stands in fences blotted out. */
export function deck(rand, separators) {
	const pick = list => list[Math.floor(rand() * list.length)];
	const endings = pick(ENDINGS);
	const fences = rand() < 0.4;
	const lines = Math.floor(rand() * (rand() < 0.1 ? 200 : 25));
	// Not at the very top: front matter and byte order marks are not slides.
	const first = (rand() < 0.5 ? 'x' : '') + pick(endings);
	let text = first;
	let masked = first;
	const add = (line, mask = line, last = false) => {
		const end = last ? '' : pick(endings);
		text += line + end;
		masked += mask + end;
	};
	for (let n = 0; n < lines; n++) {
		if (fences && rand() < 0.15) {
			const block = fence(rand, pick, endings);
			// As many bytes, so that places are the same in both.
			add(block, block.replace(/[^]/gu, c => '\u0001'.repeat(Buffer.byteLength(c))));
			continue;
		}
		if (rand() < 0.15) {
			for (const line of pick(separators.lines).split('|')) add(line);
			continue;
		}
		const line = pick(LINES);
		// What opens a fence would hide what the mask shows; a list item would
		// take a fence into it, and end it early.
		if (fences && /^(```|\s*(- \w|1\.))/.test(line)) continue;
		add(line, line, n === lines - 1 && rand() < 0.5);
	}
	return { text, masked };
}

/** A fenced block with separators in it. */
function fence(rand, pick, endings) {
	const mark = pick(['`', '~']);
	const length = 3 + Math.floor(rand() * 3);
	const indent = ' '.repeat(Math.floor(rand() * 4));
	let block = indent + mark.repeat(length) + pick(['', 'js', ' rust [1|2]', ' yaml']);
	const lines = Math.floor(rand() * 6);
	for (let n = 0; n < lines; n++) {
		let line = pick(LINES);
		// Nothing that would close it.
		if (new RegExp(`^\\s{0,3}${mark}{${length},}\\s*$`).test(line)) line = '---';
		block += pick(endings) + line;
	}
	return block + pick(endings) + ' '.repeat(Math.floor(rand() * 4)) + mark.repeat(length + Math.floor(rand() * 2));
}

/** A deck whose fence is never closed: it is none, and everything splits. */
export function unclosed(rand) {
	const pick = list => list[Math.floor(rand() * list.length)];
	const lines = [];
	for (let n = 0; n < 20; n++) {
		const line = pick(LINES);
		if (!/^(```|~~~)/.test(line)) lines.push(line);
	}
	lines.splice(Math.floor(rand() * lines.length), 0, pick(['```js', '~~~~', '   ````', '```']));
	const text = 'x\n' + lines.join(pick(pick(ENDINGS)));
	return { text, masked: text };
}
