// Holds applgen's slides against reveal.js's. Arguments: the folder with the
// packages, the `split` example, a seed, and decks that people wrote.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { deck, random, SEPARATORS, unclosed } from './decks.mjs';
import { columns, load } from './reveal.mjs';
import { compareStructure } from './structure.mjs';

const [cache, split, seedText, ...files] = process.argv.slice(2);
const seed = Number(seedText);
const DECKS = 6000;

const reveal = await load(cache);
let failures = 0;

/** Runs all cases through applgen at once; answers come in order. */
export function ask(cases) {
	return new Promise((resolve, reject) => {
		const child = spawn(split, { stdio: ['pipe', 'pipe', 'inherit'] });
		const chunks = [];
		child.stdout.on('data', chunk => chunks.push(chunk));
		child.on('error', reject);
		child.on('close', code => {
			if (code !== 0) return reject(new Error(`${split} ended with ${code}`));
			resolve(Buffer.concat(chunks).toString().trimEnd().split('\n').map(line => JSON.parse(line)));
		});
		child.stdin.end(cases.map(one => JSON.stringify(one)).join('\n') + '\n');
	});
}

function fail(what, details) {
	failures++;
	if (failures <= 10) console.error(`\n${what}\n${JSON.stringify(details, null, 2).slice(0, 4000)}`);
}

/** What reveal.js's version makes of a text: columns of contents. */
function theirs(version, text, options) {
	return columns(reveal.plugins[version].slidify(text, { ...options }));
}

/** The same of applgen's answer, as reveal.js writes a slide with its notes. */
function ours(version, text, answer) {
	const bytes = Buffer.from(text);
	// The version's own rendering of notes, by a slide that is nothing else.
	const render = notes =>
		columns(reveal.plugins[version].slidify('\u0002' + notes, { separator: '\u0003', notesSeparator: '\u0002' }))[0].slides[0];
	const cut = ([start, end]) => bytes.subarray(start, end).toString();
	const content = ({ body, notes }) => {
		const aside = notes ? render(cut(notes)) : '';
		return cut(body).replace(/<\/script>/g, '__SCRIPT_END__') + aside;
	};
	return answer.columns.map(({ stack, slides }) => ({ stack, slides: slides.map(content) }));
}

/** The separators as applgen takes them. */
function configuration({ name, options }) {
	if (name) return name;
	return { slide: options.separator, vertical: options.verticalSeparator, notes: options.notesSeparator };
}

/** The patterns of 2014 know no CRLF; for such decks applgen has them in other words. */
function forLineEndings(separators, text) {
	if (separators.name !== 'mirage' || !text.includes('\r\n')) return separators;
	const options = { separator: '(?<![^\\n])\\r\\n\\r\\n----\\r\\n', verticalSeparator: '(?<![^\\n])\\r\\n\\r\\n', notesSeparator: '^Note:' };
	return { name: 'mirage', options };
}

async function compareSplits() {
	const rand = random(seed);
	const cases = [];
	for (let n = 0; n < DECKS; n++) {
		const preset = SEPARATORS[n % SEPARATORS.length];
		const made = rand() < 0.1 ? unclosed(rand) : deck(rand, preset);
		const separators = forLineEndings(preset, made.text);
		cases.push({ ...made, separators });
	}
	const answers = await ask(cases.map(({ text, separators }) => ({ text, separators: configuration(separators) })));
	let slides = 0;
	let stacks = 0;
	let notes = 0;
	let fenced = 0;
	cases.forEach(({ text, masked, separators }, n) => {
		if (answers[n].errors) return fail(`deck ${n}: applgen refuses it`, { text, separators, answer: answers[n] });
		// Version 4 has other defaults; it is told the separators.
		for (const version of separators.options.separator ? Object.keys(reveal.plugins) : ['reveal-5', 'reveal-6']) {
			const expected = JSON.stringify(theirs(version, masked, separators.options));
			const actual = JSON.stringify(ours(version, masked, answers[n]));
			if (expected !== actual) fail(`deck ${n} differs from ${version}`, { text, separators, expected, actual });
		}
		fenced += text !== masked;
		for (const column of answers[n].columns) {
			slides += column.slides.length;
			stacks += column.stack;
			notes += column.slides.filter(slide => slide.notes).length;
		}
	});
	console.log(`splitting: ${DECKS} decks, ${slides} slides, ${stacks} stacks, ${notes} notes, ${fenced} decks with separators in fences`);
	// A test that made up nothing worth comparing would prove nothing.
	if (slides < 3 * DECKS || stacks < DECKS / 4 || notes < DECKS / 10 || fenced < DECKS / 10)
		fail('too little was compared', { slides, stacks, notes, fenced });
}

/** Decks that people wrote, with the separators that applgen infers. */
async function compareFiles() {
	for (const file of files) {
		const whole = readFileSync(file, 'utf8');
		const [answer] = await ask([{ text: whole }]);
		if (answer.errors) {
			fail(`${file}: applgen refuses it`, answer);
			continue;
		}
		let known = SEPARATORS.find(({ name, options }) => name === answer.by.split(' ')[0] && options.separator);
		if (!known) {
			console.log(`${file}: own separators (${answer.by}), not compared`);
			continue;
		}
		known = forLineEndings(known, whole);
		// Front matter is not reveal.js's: it gets what comes after.
		const start = answer.columns[0].slides[0].body[0];
		const text = Buffer.from(whole).subarray(start).toString();
		const shift = range => range && range.map(at => at - start);
		const shifted = {
			columns: answer.columns.map(({ stack, slides }) => ({
				stack,
				slides: slides.map(({ body, notes }) => ({ body: shift(body), notes: shift(notes) })),
			})),
		};
		const masked = text.replace(/^( {0,3})(```+|~~~+)[^\n]*\n[^]*?^ {0,3}\2[`~]*[ \t]*$/gm, block => block.replace(/[^]/gu, c => '\u0001'.repeat(Buffer.byteLength(c))));
		const expected = JSON.stringify(theirs('reveal-5', masked, known.options));
		const actual = JSON.stringify(ours('reveal-5', masked, shifted));
		const slides = answer.columns.reduce((sum, column) => sum + column.slides.length, 0);
		if (expected !== actual) fail(`${file} differs`, { expected, actual });
		console.log(`${file}: ${answer.columns.length} columns, ${slides} slides, ${answer.by}`);
	}
}

console.log(`seed ${seed}`);
await compareSplits();
await compareFiles();
await compareStructure(reveal, ask, random(seed + 1), fail);
if (failures) {
	console.error(`\n${failures} differences; seed ${seed}`);
	process.exit(1);
}
console.log('no differences');
