"""Measures of the sources: sizes, comments, summaries, examples, folders. Prints the table that DESIGN.md shows.

python scripts/measures.py [FOLDER ...]     one column for each checkout; this one where none is given
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles

RIDDLE = re.compile(r"(What|Whether|Which|How|Where|Who)\b")
VERB = re.compile(r"[A-Z][a-z]+(s|es)\b(?<!ss)(?<!us)(?<!is)")
PLURALS = {
    *("Bars", "Rows", "Columns", "Values", "Names", "Parts", "Rules", "Signals", "Labels", "Weights", "Lines", "Files"),
    *("Trades", "Fills", "Metrics", "Costs", "Prices", "Scores", "Errors", "Hours", "Numbers", "Seconds", "Bytes"),
    *("Stamps", "Arguments", "Parameters", "Tables", "Settings", "Times", "Words", "Entries", "Steps", "Degrees"),
    *("Outputs", "Series", "Types", "Constants", "Fields", "Runs", "Nets", "Indicators", "Operations", "Reasons"),
}
"""Nouns in the plural, which the pattern of a verb would take for one."""
PAGES = {"__init__.py", "mod.rs", "lib.rs"}


def python_files(root: Path) -> list[Path]:
    return sorted((root / "python" / "ktrdr").rglob("*.py"))


def rust_files(root: Path) -> list[Path]:
    return sorted((root / "rust" / "core" / "src").rglob("*.rs"))


def python_docs(root: Path) -> Iterator[tuple[ast.AST, str]]:
    """Yields every documented module, class and function with its docstring."""
    for file in python_files(root):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node)
                if text:
                    yield node, text


def rust_docs(root: Path) -> Iterator[tuple[str, str]]:
    """Yields every doc comment of the core with the line that it documents."""
    block = re.compile(r"((?:^[ \t]*///[^\n]*\n)+)(?:[ \t]*#\[[^\n]*\n)*[ \t]*([^\n]*)", re.M)
    for file in rust_files(root):
        for found in block.finditer(file.read_text()):
            yield found[2], re.sub(r"^[ \t]*/// ?", "", found[1], flags=re.M)


def summary_of(text: str) -> str:
    return re.split(r"\n\s*\n", text.strip())[0]


def share(texts: list[str], holds: Callable[[str], object]) -> str:
    return f"{100 * sum(map(bool, map(holds, texts))) / max(1, len(texts)):.0f} %"


def starts_with_a_verb(text: str) -> bool:
    found = VERB.match(text)
    return found is not None and found[0] not in PLURALS


def python_comments(root: Path) -> str:
    """Returns the comments, own lines and trailing ones, per line of code."""
    comments = code = 0
    for file in python_files(root):
        text = file.read_text()
        docs = sum(len(doc.splitlines()) for doc in re.findall(r'"""(?:.|\n)*?"""', text))
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        code += len([line for line in lines if not line.startswith("#")]) - docs
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            comments += token.type == tokenize.COMMENT and not token.string.startswith(("# fmt", "# noqa", "# type"))
    return f"{100 * comments / code:.1f} %"


def rust_comments(root: Path, room: str) -> str:
    """Returns the comment lines of their kind ``//`` per line of code, without docs."""
    comments = code = 0
    for file in rust_files(root):
        if room in str(file.relative_to(root)):
            for line in map(str.strip, file.read_text().splitlines()):
                comments += line.startswith("//") and not line.startswith(("///", "//!"))
                code += bool(line) and not line.startswith("//")
    return f"{100 * comments / code:.1f} %" if code else "no such folder"


def function_lengths(root: Path) -> str:
    """Returns median, ninth decile and largest length of a Python function, without its docstring."""
    lengths = []
    for file in python_files(root):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                doc = node.body[0] if ast.get_docstring(node) else None
                inside = (doc.end_lineno or 0) - doc.lineno + 1 if doc else 0
                lengths.append((node.end_lineno or 0) - node.lineno + 1 - inside)
    return f"{median(lengths):.0f} / {quantiles(lengths, n=10)[-1]:.0f} / {max(lengths)}"


def largest_folders(root: Path) -> str:
    folders = Counter(
        str(file.parent.relative_to(root)).removeprefix("python/")
        for file in [*python_files(root), *rust_files(root)]
        if file.name not in PAGES
    )
    return ", ".join(f"{name} {count}" for name, count in folders.most_common(3))


def count(root: Path, pattern: str) -> int:
    return sum(len(re.findall(pattern, file.read_text())) for file in python_files(root))


def late_imports(root: Path) -> int:
    """Returns the number of imports of the package's own modules inside functions."""
    found = 0
    for file in python_files(root):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = [one for one in ast.walk(node) if isinstance(one, ast.ImportFrom)]
                found += sum((one.module or "").startswith("ktrdr") for one in inner)
    return found


def measures(root: Path) -> dict[str, object]:
    """Returns every measure of one checkout by its name."""
    docs = [summary_of(text) for _, text in python_docs(root)]
    functions = [summary_of(text) for node, text in python_docs(root) if isinstance(node, ast.FunctionDef)]
    rust = [(line, text) for line, text in rust_docs(root)]
    summaries = [summary_of(text) for _, text in rust]
    methods = [summary_of(text) for line, text in rust if re.match(r"(pub(\(\w+\))? )?(const )?fn ", line)]
    return {
        "Python: files": len(python_files(root)),
        "Python: length of a function, median / p90 / max": function_lengths(root),
        "Python: comments per line of code": python_comments(root),
        "Python: summaries that begin with What, Whether, Which, How, Where, Who": share(docs, RIDDLE.match),
        "Python: summaries of functions that begin with a verb": share(functions, starts_with_a_verb),
        "Python: docstrings with an example": sum(">>>" in text for _, text in python_docs(root)),
        "Python: imports of own modules inside functions": late_imports(root),
        "Python: `fmt: skip`": count(root, r"# fmt: skip"),
        "Python: `Any`": count(root, r"\bAny\b"),
        "Core: files": len(rust_files(root)),
        "Core: comment lines per line of code": rust_comments(root, ""),
        "Core: the same in `engine/fast`": rust_comments(root, "engine/fast"),
        "Core: summaries that begin with What, Whether, Which, How, Where, Who": share(summaries, RIDDLE.match),
        "Core: summaries of functions that begin with a verb": share(methods, starts_with_a_verb),
        "Core: docs of three words or fewer": share(summaries, lambda text: len(text.split()) < 4),
        "Core: examples that run": sum(
            len(re.findall(r"^\s*//[/!] ```\n", file.read_text(), re.M)) for file in rust_files(root)
        )
        // 2,
        "Fullest folders": largest_folders(root),
    }


def main(folders: list[str]) -> None:
    """Prints one row for each measure and one column for each folder."""
    columns = [measures(Path(folder)) for folder in folders or [str(Path(__file__).resolve().parents[1])]]
    for name in columns[0]:
        print("|", " | ".join([name, *(str(column[name]) for column in columns)]), "|")


if __name__ == "__main__":
    main(sys.argv[1:])
