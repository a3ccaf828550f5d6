"""House rules that a reader should be able to rely on without looking."""

import ast

from tests.architecture.tree import ROOT, list_modules, name, parse


def test_environment_is_read_in_one_place() -> None:
    offenders = [
        f"{name(path)}:{node.lineno}"
        for path in list_modules()
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    assert [place for place in offenders if not place.startswith("appliance/settings/environment.py:")] == []


def test_public_faces_take_keywords_only_and_explain_themselves() -> None:
    offenders = []
    for path in list_modules():
        if path.name != "api.py":
            continue
        for node in parse(path).body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
                continue
            if node.args.posonlyargs or [each for each in node.args.args if not _is_lease(each)]:
                offenders.append(f"{name(path)}:{node.lineno} {node.name} takes positional arguments")
            if ast.get_docstring(node) is None:
                offenders.append(f"{name(path)}:{node.lineno} {node.name} has no docstring")
    assert offenders == []


def _is_lease(argument: ast.arg) -> bool:
    """A lease is what these verbs are about, like the subject of a sentence, and may come first without its name."""
    return isinstance(argument.annotation, ast.Name) and argument.annotation.id == "LeaseGrant"


def test_every_module_says_what_it_owns() -> None:
    silent = [
        name(path)
        for path in list_modules()
        if path.name not in {"apps.py"} and path.stat().st_size and ast.get_docstring(parse(path)) is None
    ]
    assert silent == []


def test_what_root_may_run_changes_files_in_one_way() -> None:
    """Its folders are those of a user with fewer rights: :mod:`appliance.settings.files` follows no link there. The
    environments lie in the checkout."""
    changes = {"write_text", "write_bytes", "touch", "mkdir", "mkdtemp", "unlink", "rename", "rmtree"}
    changes |= {"chmod", "chown", "fchown", "lchown", "symlink_to", "hardlink_to"}
    offenders = [
        f"{name(path)}:{node.lineno} {node.func.attr}"
        for path in list_modules()
        if name(path).startswith("appliance/local/") and "/bootstrap/" not in name(path)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in changes or (node.func.attr == "open" and _writes(node))
    ]
    assert [each for each in offenders if not each.startswith("appliance/local/environments.py:")] == []


def _writes(call: ast.Call) -> bool:
    modes = [each.value for each in call.args if isinstance(each, ast.Constant)]
    return any(isinstance(mode, str) and set(mode) & set("wax+") for mode in modes)


def test_nothing_is_pickled_or_shelled() -> None:
    offenders = []
    for path in list_modules():
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                offenders += [
                    f"{name(path)}:{node.lineno} {module}" for module in modules if module in {"pickle", "marshal"}
                ]
            if isinstance(node, ast.keyword) and node.arg == "shell":
                offenders.append(f"{name(path)}:{node.value.lineno} shell=")
    assert offenders == []


def test_rooms_import_other_rooms_through_their_faces() -> None:
    """Another app offers api, types, errors, and the management and schedule names that wiring needs; nothing else."""
    open_modules = {"api", "types", "errors"}
    free_rooms = {"ui", "config", "search"}
    offenders = []
    for path in list_modules():
        parts = path.relative_to(ROOT).parts
        if parts[0] != "webapp" or len(parts) < 3 or parts[1] == "config":
            continue
        for node in ast.walk(parse(path)):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("webapp."):
                continue
            target = (node.module or "").split(".")
            if target[1] == parts[1] or target[1] in free_rooms:
                continue
            reached = target[2] if len(target) > 2 else {alias.name for alias in node.names}
            names = {reached} if isinstance(reached, str) else reached
            if not names <= open_modules:
                offenders.append(f"{name(path)}:{node.lineno} {node.module} {sorted(names)}")
    assert offenders == []
