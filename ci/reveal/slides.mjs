// Slides with attributes, fragments and code: cases that hold a rule each, and
// ones made up by a seed.

export const CASES = [
	// The section.
	'<!-- .slide: class="title" data-background-color="#fff" -->\n# A',
	'# A\n<!-- .slide: data-auto-animate -->',
	'# A\n<!--.slide: data-auto-animate-->',
	'# A\n<!-- .slide: data-a data-b="2" data-c -->',
	'# A\n<!-- .slide: class="a" -->\n<!-- .slide: class="b" id="x" -->',
	'# A\n<!-- .slide:\nclass="a"\nid="b" -->',
	'# A\n<!-- .slide class="a" -->',
	'# A\n<!-- .slide: data-x="" data-y="a b" -->',
	'# A\n<!-- .slide: style="color: red" data-background="a.png" -->',
	'A\n\nNote: n <!-- .slide: class="x" -->',
	'text <!-- .slide: class="x" --> more',
	// Elements.
	'para <!-- .element: class="fragment" -->',
	'para\n<!-- .element: class="fragment" -->',
	'para\n\n<!-- .element: class="fragment" -->',
	'<!-- .element: class="x" -->\npara',
	'para **b** <!-- .element: class="x" -->',
	'para <br> <!-- .element: class="x" -->',
	'para <br><!-- .element: class="x" --> more <b>c</b><!-- .element: class="y" -->',
	'- a <!-- .element: class="fragment" -->\n- b <!-- .element: class="fragment" -->',
	'- a\n- b\n\n<!-- .element: class="fragment" -->',
	'- **a** <!-- .element: class="fragment" -->\n- [b](c) d <!-- .element: class="x" -->',
	'- a\n\n- b <!-- .element: class="x" -->',
	'1. a\n   - b <!-- .element: class="x" -->\n2. c',
	'> q\n\n<!-- .element: class="x" -->',
	'> q <!-- .element: class="x" -->',
	'![a](b.png) <!-- .element: class="x" width="50%" -->',
	'![a](b.png)<!-- .element: style="width: 10em" -->\n\n![c](d.png)',
	'# A <!-- .element: class="x" -->',
	'# A\n<!-- .element: class="x" -->',
	'|a|b|\n|-|:-:|\n|c|d|\n\n<!-- .element: class="x" -->',
	'|a <!-- .element: class="x" -->|b|\n|-|-|\n|c|d|',
	'para <!-- .element class="x" -->',
	'para <!-- .element:class="x" -->',
	'para <!-- .element: class="a" --><!-- .element: id="b" -->',
	'para <!-- .element: class="a" class="b" -->',
	'para <!-- .element: data-x -->',
	'para <!-- .element: data-x="1" data-y="2" title="a=b" -->',
	'para <!-- a comment -->',
	'<div>\n\npara <!-- .element: class="x" -->\n\n</div>',
	'<p>a</p><!-- .element: class="x" -->',
	'<div class="a">b <!-- .element: class="x" --></div>',
	'para\n\nNote: n\n\n<!-- .element: class="x" -->',
	'---\n<!-- .element: class="x" -->',
	// Fragments.
	'- a <!-- .element: class="fragment" data-fragment-index="2" -->\n- b <!-- .element: class="fragment" data-fragment-index="1" -->\n- c <!-- .element: class="fragment" -->',
	'a <!-- .element: class="fragment" data-fragment-index="7" -->\n\nb <!-- .element: class="fragment" -->\n\nc <!-- .element: class="fragment" data-fragment-index="7" -->\n\nd <!-- .element: class="fragment fade-up" data-fragment-index="3" -->',
	'a <!-- .element: data-fragment-index="4" -->',
	'<span class="fragment">a</span> <span class="fragment" data-fragment-index="0">b</span>',
	'<ul><li class="fragment">a</li><li class="fragment">b</li></ul>',
	// Code.
	'```js\nlet a = 1;\n```',
	'```js [1-2|3]\na\nb\nc\n```',
	'```js [1,3|2|]\na\nb\nc\n```',
	'```js []\na\nb\n```',
	'```js [10: 1|2]\na\nb\n```',
	'```js [5:]\na\nb\n```',
	'```[1|2]\na\nb\n```',
	'```text [ 1 , 2 | 3 ]\na\nb\nc\n```',
	'```js [1|2-9|4]\na\n\nb\nc\n```\n\npara <!-- .element: class="fragment" -->',
	'para <!-- .element: class="fragment" -->\n\n```js [1|2|3]\na\nb\nc\n```\n\npara <!-- .element: class="fragment" data-fragment-index="0" -->',
	'    indented\n      code',
	'a\n\n    indented\n      code',
	'```html\n<p class="x">&amp;</p>\n```',
	'```\n\n  a\n\n```',
	'```js\na\n```\n<!-- .element: class="stretch" id="x" -->',
	'<pre><code class="language-js" data-trim data-noescape>\n    let a = 1;\n      let b = 2;\n</code></pre>',
	'<pre><code class="language-js" data-trim data-line-numbers="1|2">\nlet a = 1;\nlet b = 2;\n</code></pre>',
	'<pre><code class="language-html"><p class="x">a</p>\n</code></pre>',
	'<pre><code class="language-html" data-trim><script type="text/template">\n<p>a & b</p>\n</script></code></pre>',
	'<pre><code class="language-js" data-line-numbers="1|2|3" data-fragment-index="3">a\nb\nc</code></pre>\n\npara <!-- .element: class="fragment" data-fragment-index="4" -->',
	// Markdown.
	'a ~~b~~ `c` *d* **e** <http://f.org> https://g.org/h_i_j.',
	'- [ ] a\n- [x] b',
	'|a|b|\n|:-|-:|\n|`c`|**d**|',
	'a  \nb\\\nc',
	'[a](b "c") ![d](e "f")',
	'[a]: b "c"\n\n[a] [d][a]',
	'&copy; &amp; &lt; \\*a\\*',
	'# A\n\n## B\n\n### A',
	'Setext\n---\n\nOther\n===',
	'1. a\n2. b\n\ntext\n\n7. c',
	'* a\n+ b\n- c',
	'a\n\n***\n\nb',
	'<b>a</b> <span style="x">**b**</span>',
	'<details>\n<summary>a</summary>\n\n**b**\n\n</details>',
	'<div style="color: red">\n\n- a\n- b\n\n</div>',
	'   indented by three',
	'\n  indented\n\n  by two',
	'\tindented by a tab\n\t\n\t    code',
];

/** Comments that follow a list with no blank line between. */
export const BEHIND_LISTS = [
	'- a\n- b\n<!-- .element: class="fragment" -->',
	'1. a\n2. b\n<!-- .element: class="x" -->\n<!-- .slide: class="y" -->',
	'- **a**\n- **b**\n<!-- .element: class="x" -->',
	'- a\n  - b\n<!-- .element: class="x" -->',
	'- a\n  - b\n  <!-- .element: class="x" -->',
	'> - a\n> - b\n> <!-- .element: class="x" -->',
	'> - a\n> - b\n>\n> <!-- .element: class="x" -->',
	'- a\n- b\n \t \n<!-- .element: class="x" -->',
	'- a\n\n<!-- .element: class="x" -->\n<!-- .element: class="y" -->',
	'1. a\n   - b\n\n         code\n<!-- .element: class="x" -->',
];

const TEXTS = ['a', 'b **c**', '*d* e', '`f` g', '[h](i) j', '![k](l.png)', 'm <b>n</b>', 'o<br>p', 'q ~~r~~ s', '<span class="t">u</span> v'];

/** A slide made up: blocks with comments behind, within and between them. */
export function made(rand) {
	const pick = list => list[Math.floor(rand() * list.length)];
	const comment = () => {
		const name = pick(['.element:', '.element:', '.element', '.slide:']);
		const attributes = [];
		for (let n = Math.floor(rand() * 3) + 1; n > 0; n--)
			attributes.push(pick(['class="fragment"', 'class="fragment fade-in"', 'class="x y"', `data-fragment-index="${Math.floor(rand() * 6)}"`, 'data-a', 'data-b="1 2"', 'style="width: 3em"', 'title="t"', 'data-id="z"']));
		return `<!-- ${name} ${attributes.join(' ')} -->`;
	};
	const text = () => {
		let line = pick(TEXTS);
		while (rand() < 0.35) line += ` ${comment()}`;
		if (rand() < 0.2) line += ` ${pick(TEXTS)}`;
		return line;
	};
	const block = () => {
		switch (Math.floor(rand() * 9)) {
			case 0: return `# ${text()}`;
			case 1: return `### ${text()}`;
			case 2: return `- ${text()}\n- ${text()}\n  - ${text()}\n- ${text()}`;
			case 3: return `1. ${text()}\n\n2. ${text()}`;
			case 4: return `> ${text()}`;
			case 5: return `|${pick(TEXTS)}|b|\n|-|-|\n|c|${text()}|`;
			case 6: return `\`\`\`js [${pick(['1', '1|2', '2|1-2|3', '', '3: 1|2'])}]\nlet a = 1;\nlet b = 2;\nlet c = 3;\n\`\`\``;
			case 7: return `<div class="w">\n\n${text()}\n\n</div>`;
			default: return text();
		}
	};
	const blocks = [];
	for (let n = Math.floor(rand() * 5) + 1; n > 0; n--) {
		blocks.push(block());
		if (rand() < 0.4) blocks.push(comment());
	}
	if (rand() < 0.1) blocks.push(`Note: ${text()}`);
	return blocks.join('\n\n');
}
