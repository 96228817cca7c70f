"""Runs the scripts of a composite action as GitHub's runner would: `action.py
action.yml FOLDER NAME=VALUE…`, where names are those of expressions, such as
`inputs.site`. Steps that use another action are passed over. An expression that
nobody gave a value is a fault, as is a script that fails."""

import os
import re
import subprocess
import sys
import textwrap

path, folder, *given = sys.argv[1:]
values = dict(word.split("=", 1) for word in given)


def value(expression):
    """Of `a || b`, the first that is something."""
    found = ""
    for name in (part.strip() for part in expression.split("||")):
        if name not in values:
            sys.exit(f"error: nothing gives `{name}` a value")
        found = found or values[name]
    return found


text = open(path).read()
for default in re.finditer(r"^  ([a-z-]+):\n    description: .*\n    default: (.*)$", text, re.M):
    values.setdefault("inputs." + default[1], default[2].strip('"'))
files = {name: os.path.join(folder, name) for name in ("GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
for step in re.split(r"^    - ", text.split("\n  steps:\n", 1)[1], flags=re.M)[1:]:
    run = re.search(r"^      run: \|\n((?:        .*\n|\n)+)", step + "\n", re.M)
    if not run:
        continue
    environment = dict(os.environ, RUNNER_TEMP=folder, **files)
    for name, expression in re.findall(r"^        ([A-Z_]+): \$\{\{(.*)\}\}$", step, re.M):
        environment[name] = value(expression)
    for file in files.values():
        open(file, "a").close()
    added = open(files["GITHUB_PATH"]).read().split()
    environment["PATH"] = ":".join([*reversed(added), environment["PATH"]])
    script = textwrap.dedent(run[1])
    if "${{" in script:
        sys.exit("error: an expression stands in a script, where what it holds would be run")
    done = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], env=environment)
    if done.returncode:
        sys.exit(f"error: `{step.splitlines()[0]}` ended with {done.returncode}")
