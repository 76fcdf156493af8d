"""Suspects as tasks of Label Studio, and its exports as decisions."""

import json
from xml.etree import ElementTree

import pytest

import own_files
from dirty import NAMES, trained
from reweigh.apply import apply_run, read_decisions
from reweigh.audit import audit_run
from reweigh.cli.guard import run
from reweigh.errors import BadInput
from reweigh.exchange import export_run, import_decisions


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("studio"), "excel")


MAUVE = {"from_name": "choice", "type": "choices", "value": {"choices": ["mauve"]}}


def tasks_of(path, folder, **more):
    found = export_run(path, folder / "tasks.json", "label-studio", **more)
    return found, json.loads((folder / "tasks.json").read_text()), ElementTree.parse(folder / "tasks.xml").getroot()


def valid(tasks, interface):
    """What Label Studio asks of predictions when it imports them."""
    controls = {tag.get("name"): tag for tag in interface if tag.get("toName")}
    shown = {tag.get("name"): tag for tag in interface if tag.get("value") and tag.get("name")}
    for task in tasks:
        for tag in shown.values():
            assert tag.get("value")[1:] in task["data"]
        for prediction in task["predictions"]:
            assert 0 <= prediction.get("score", 0) <= 1
            for item in prediction["result"]:
                control = controls[item["from_name"]]
                assert item["to_name"] == control.get("toName") in shown
                assert item["type"] == control.tag.lower()
                assert set(item["value"].get("choices", ())) <= {choice.get("value") for choice in control}
    return True


def answered(tasks, answers, small=False):
    """An export with one annotation for each task that has an answer: labels, or None for one that is to go."""
    found = []
    for number, (task, answer) in enumerate(zip(tasks, answers, strict=False)):
        choice = {"from_name": "choice", "to_name": "example", "type": "choices", "value": {"choices": answer}}
        drop = {
            "from_name": "drop",
            "to_name": "example",
            "type": "choices",
            "value": {"choices": ["drop this example"]},
        }
        if small:
            flat = (
                {"drop": "drop this example"}
                if answer is None
                else {"choice": answer[0] if len(answer) == 1 else {"choices": answer}}
            )
            found.append({**task["data"], "id": number, **flat, "annotator": 1, "updated_at": "2026-01-01"})
        else:
            annotation = {"completed_by": 1, "was_cancelled": False, "result": [drop if answer is None else choice]}
            found.append({"id": number, "data": task["data"], "predictions": [], "annotations": [annotation]})
    return found


def imported(path, folder, content):
    (folder / "export.json").write_text(json.dumps(content))
    return import_decisions(path, folder / "export.json", "label-studio")


def test_tasks_show_the_row_and_suggest_a_label_that_the_interface_has(table, tmp_path):
    path = table[0]
    found, tasks, interface = tasks_of(path, tmp_path, top=40)
    audit = audit_run(path)
    assert found.examples == len(tasks) == 40
    assert [task["data"]["example_id"] for task in tasks] == [audit.name(row) for row in audit.order[:40]]
    assert valid(tasks, interface)
    first = tasks[0]["data"]
    assert set(first["item"]) == {"key", "a", "b", "c", "note"}
    assert first["line"] == int(first["example_id"][4:]) + 2
    assert first["wrong"] == pytest.approx(1 - audit.right[audit.order[0]])
    assert [choice.get("value") for choice in interface.find("Choices")] == sorted(NAMES)
    assert any("tasks.xml" in step for step in found.steps)


@pytest.mark.parametrize("small", [False, True])
def test_there_and_back_again(table, tmp_path, small):
    path = table[0]
    tasks = tasks_of(path, tmp_path, top=4)[1]
    given = [task["data"]["given"] for task in tasks]
    other = next(name for name in NAMES if name != given[1])
    found = imported(path, tmp_path, answered(tasks, [[given[0]], [other], None], small))
    assert [one[:4] for one in found.decisions] == [
        (tasks[0]["data"]["example_id"], given[0], "keep", ""),
        (tasks[1]["data"]["example_id"], given[1], "change", other),
        (tasks[2]["data"]["example_id"], given[2], "drop", ""),
    ]
    assert found.sentence() == "3 decisions (1 keep, 1 change, 1 drop)"
    assert apply_run(path, found.decisions, tmp_path / "cleaned").counts == {"keep": 1, "change": 1, "drop": 1}


def test_several_annotators(table, tmp_path):
    path = table[0]
    tasks = tasks_of(path, tmp_path, top=4)[1]
    export = answered(tasks, [[NAMES[0]], [NAMES[1]], [NAMES[2]], [NAMES[0]]])

    def again(task, labels, **more):
        result = [{"from_name": "choice", "type": "choices", "value": {"choices": labels}}]
        task["annotations"].append({"completed_by": {"id": 2}, "result": result, "updated_at": "2", **more})

    again(export[0], [NAMES[0]])
    again(export[1], [NAMES[2]])
    again(export[2], [NAMES[1]], was_cancelled=True)
    again(export[3], [NAMES[1]], completed_by=1)  # the same person, later
    found = imported(path, tmp_path, export)
    told = {one.id: one for one in found.decisions}
    assert found.disagreed == 1
    assert tasks[1]["data"]["example_id"] not in told
    assert found.sentence().endswith("1 example left out, since annotators disagree")
    last = told[tasks[3]["data"]["example_id"]]
    assert (last.label or last.given) == NAMES[1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "is no list of tasks: export the annotations"),
        ([{"data": {"text": "x"}, "annotations": []}], r"task 1 of .* has no .example_id.: it was not made by"),
        (
            [{"data": {"example_id": "row 1", "given": "red"}, "annotations": [{"result": [MAUVE]}]}],
            r"task 1 of .*export.json has the label 'mauve'",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(table, tmp_path, content, said):
    with pytest.raises(BadInput, match=said):
        imported(table[0], tmp_path, content)


def test_what_says_nothing(table, tmp_path):
    nothing = [
        {"data": {"example_id": "row 1", "given": "red"}, "annotations": [{"result": []}, 7, {"was_cancelled": True}]}
    ]
    assert imported(table[0], tmp_path, nothing).decisions == []
    (tmp_path / "export.json").write_text('[{"example_id": ')
    with pytest.raises(BadInput, match=r"cannot be read as JSON"):
        import_decisions(table[0], tmp_path / "export.json", "label-studio")
    with pytest.raises(BadInput, match=r"there is no tool 'x': choose one of label-studio"):
        import_decisions(table[0], tmp_path / "export.json", "x")


def test_pictures_by_their_local_path(tmp_path):
    assert run(own_files.command("images", tmp_path / "pictures here", tmp_path / "run", "--steps", "10")) == 0
    found, tasks, interface = tasks_of(tmp_path / "run", tmp_path, top=3)
    assert valid(tasks, interface)
    for task in tasks:
        assert task["data"]["image"] == f"/data/local-files/?d=noisy/{task['data']['example_id']}"
    assert f"DOCUMENT_ROOT={tmp_path / 'pictures here'}" in found.steps[0]
    assert f"storage with the path {tmp_path / 'pictures here' / 'noisy'}" in found.steps[0]
    tasks = tasks_of(tmp_path / "run", tmp_path, top=3, root=tmp_path, overwrite=True)[1]
    assert tasks[0]["data"]["image"].startswith("/data/local-files/?d=pictures%20here/noisy/")
    for root in (tmp_path / "pictures here" / "noisy", tmp_path / "elsewhere"):
        with pytest.raises(BadInput, match=r"--root is .* name a folder above"):
            tasks_of(tmp_path / "run", tmp_path, root=root, overwrite=True)


@pytest.mark.slow
def test_texts_several_labels_numbers_and_arrays(tmp_path):
    for kind in ("text", "multi-label", "regression", "arrays"):
        folder = tmp_path / kind
        assert run(own_files.command(kind, folder, folder / "run", "--steps", "10")) == 0
        if kind == "arrays":
            with pytest.raises(BadInput, match=r"learnt from arrays, of which there is nothing to look at"):
                tasks_of(folder / "run", folder)
            continue
        _, tasks, interface = tasks_of(folder / "run", folder, top=5)
        assert valid(tasks, interface)
        data = tasks[0]["data"]
        if kind == "text":
            assert data["text"].endswith(" <script>")
        if kind == "multi-label":
            found = imported(folder / "run", folder, answered(tasks, [["warm", "bright"], []]))
            keep = set(data["given"].split("; ")) == {"warm", "bright"}
            assert found.decisions[0][2:4] == (("keep", "") if keep else ("change", "warm;bright"))
            assert len(found.decisions) == 2
        if kind == "regression":
            same = {"from_name": "choice", "type": "number", "value": {"number": float(data["given"])}}
            export = answered(tasks, [None])
            export[0]["annotations"][0]["result"] = [same]
            assert imported(folder / "run", folder, export).decisions[0].word == "keep"
            export[0]["annotations"][0]["result"] = [{**same, "value": {"number": 7.5}}]
            assert imported(folder / "run", folder, export).decisions[0][2:4] == ("change", "7.5")


def test_on_the_command_line(table, tmp_path, capsys):
    capsys.readouterr()
    assert run(["export", str(table[0]), "--to", "label-studio", str(tmp_path / "tasks.json")]) == 0
    assert "2. export the annotations as JSON" in " ".join(capsys.readouterr().out.split())
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    (tmp_path / "back.json").write_text(json.dumps(answered(tasks, [[tasks[0]["data"]["given"]]])))
    arguments = ["import", str(table[0]), str(tmp_path / "back.json"), "--output", str(tmp_path / "decisions.csv")]
    assert run(arguments) == 0
    assert "1 decision (1 keep, 0 change, 0 drop)." in capsys.readouterr().out
    assert [one.word for one in read_decisions(tmp_path / "decisions.csv")] == ["keep"]
    assert run(arguments) == 2
    assert "exists" in capsys.readouterr().err
    assert run(["export", str(table[0]), "--to", "x", str(tmp_path / "t.json")]) == 2
    assert run(["export", str(table[0]), str(tmp_path / "t.json"), "--top", "0"]) == 2
