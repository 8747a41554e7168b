#!/usr/bin/env bash
# Fetches the vendored front-end files again: the pinned releases below, only the files the pages use, each with
# its licence, and writes what came from where with sha256 sums to VERSIONS.txt. Needs npm, tar and Python 3.
#
# A name added to icons.txt is in the sprite (static/img/icons.svg) after the next run.
set -euo pipefail

TABLER=1.6.1
ICONS=3.51.0
HTMX=2.0.11
UPLOT=1.6.32
SWAGGER_UI=5.35.0

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch() { # fetch <package> <version>: unpacks it under $work/<package>
  local archive
  archive=$(cd "$work" && npm pack --silent "$1@$2" 2>/dev/null | tail -n 1)
  mkdir -p "$work/$1"
  tar -xzf "$work/$archive" -C "$work/$1" --strip-components=1
  printf '%s  %s@%s (package)\n' "$(sha256 "$work/$archive")" "$1" "$2" >>"$work/packages.txt"
}

sha256() { python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"; }

# The maps are not shipped, so a browser's developer tools would ask for files that are not there.
without_source_map() { # without_source_map <from> <to>
  python3 - "$1" "$2" <<'PYTHON'
import re, sys
source, target = sys.argv[1:]
text = open(source, encoding="utf-8").read()
text = re.sub(r"\s*/\*# sourceMappingURL=[^*]*\*/\s*\Z|\s*//# sourceMappingURL=\S*\s*\Z", "\n", text)
open(target, "w", encoding="utf-8").write(text)
PYTHON
}

fetch @tabler/core "$TABLER"
fetch @tabler/icons "$ICONS"
fetch htmx.org "$HTMX"
fetch uplot "$UPLOT"
fetch swagger-ui-dist "$SWAGGER_UI"

mkdir -p "$here/tabler" "$here/htmx" "$here/uplot" "$here/swagger-ui" "$here/../img"
without_source_map "$work/@tabler/core/dist/css/tabler.min.css" "$here/tabler/tabler.min.css"
cp "$work/@tabler/icons/LICENSE" "$here/tabler/LICENSE-icons"
without_source_map "$work/htmx.org/dist/htmx.min.js" "$here/htmx/htmx.min.js"
cp "$work/htmx.org/LICENSE" "$here/htmx/LICENSE"
without_source_map "$work/uplot/dist/uPlot.iife.min.js" "$here/uplot/uPlot.iife.min.js"
without_source_map "$work/uplot/dist/uPlot.min.css" "$here/uplot/uPlot.min.css"
cp "$work/uplot/LICENSE" "$here/uplot/LICENSE"
without_source_map "$work/swagger-ui-dist/swagger-ui-bundle.js" "$here/swagger-ui/swagger-ui-bundle.js"
without_source_map "$work/swagger-ui-dist/swagger-ui.css" "$here/swagger-ui/swagger-ui.css"
cp "$work/swagger-ui-dist/LICENSE" "$here/swagger-ui/LICENSE"
cp "$work/swagger-ui-dist/NOTICE" "$here/swagger-ui/NOTICE"

# The pages are served with `img-src 'self' data:` and nothing wider: a font or a script in a data: URI would be blocked.
python3 - "$here" <<'PYTHON'
import pathlib, re, sys
for sheet in pathlib.Path(sys.argv[1]).rglob("*.css"):
    for url in re.findall(r"url\(\s*[\"']?([^\"')]{1,60})", sheet.read_text("utf-8")):
        if not url.startswith(("data:image/", "#")):
            sys.exit(f"{sheet.name} loads {url!r}, which the Content-Security-Policy blocks")
PYTHON

python3 - "$work/@tabler/icons/icons/outline" "$here/icons.txt" "$here/../img/icons.svg" <<'PYTHON'
import pathlib, re, sys
source, names, sprite = map(pathlib.Path, sys.argv[1:])
symbols = []
for name in sorted(set(names.read_text("utf-8").split())):
    svg = (source / f"{name}.svg").read_text("utf-8")
    body = re.search(r"<svg[^>]*>(.*)</svg>", svg, re.DOTALL).group(1)
    body = re.sub(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>', "", body)
    body = re.sub(r"\s*\n\s*", "", body)
    symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{body}</symbol>')
sprite.write_text(
    '<svg xmlns="http://www.w3.org/2000/svg">\n'
    "<!-- Tabler Icons, MIT; written by static/vendor/refresh.sh from static/vendor/icons.txt -->\n"
    + "\n".join(symbols) + "\n</svg>\n",
    encoding="utf-8",
)
PYTHON

{
  echo "# Written by static/vendor/refresh.sh: sha256, file or package."
  sort -k 2 "$work/packages.txt"
  (cd "$here" && find tabler htmx uplot swagger-ui -type f | sort | while read -r file; do
    printf '%s  %s\n' "$(sha256 "$file")" "$file"
  done)
  printf '%s  ../img/icons.svg\n' "$(sha256 "$here/../img/icons.svg")"
} >"$here/VERSIONS.txt"
