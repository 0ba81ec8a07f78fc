"""An exchange that had a process of its own, in the panel's words, rows and picture, and as JSON."""

from __future__ import annotations

import msgspec

import factories
import pictures
import trails
from django_gateway import phases
from django_gateway.document import document, row
from django_gateway.exchange import Exchange, summarise
from django_gateway.panel import rows
from django_gateway.panel.remark import remark
from django_gateway.panel.story import sentence
from django_gateway.panel.tabs import handover
from django_gateway.panel.tabs.base import Subject
from django_gateway.panel.timeline import read

MS = trails.MILLISECOND


def without(exchange: Exchange, *names: str) -> Exchange:
    trail = [event for event in exchange.trail if event[0] not in names]
    return msgspec.structs.replace(exchange, trail=trail)


def test_lane_of_the_process() -> None:
    lane = pictures.lane(factories.cgi_page(), "process")
    assert (lane.title, lane.subtitle) == ("New process", "pid 5120")
    (pieces,) = lane.rows
    assert [(piece.name, piece.started, piece.finished) for piece in pieces[:3]] == [
        ("interpreter", 0, 20 * MS),
        ("recorder", 20 * MS, 45 * MS),
        ("imports", 45 * MS, 140 * MS),
    ]
    assert all(piece.works == ((piece.started, piece.finished),) for piece in pieces[:3])
    assert "680 modules" in pieces[2].text
    # From then on it waits for the application.
    assert (pieces[3].name, pieces[3].started, pieces[3].works) == ("application called", 140 * MS, ())
    assert (pieces[4].name, pieces[4].text) == ("standard input", "2.0 KB were read, from the first byte to the last.")


def test_the_application_is_called_when_the_process_has_loaded_it() -> None:
    exchange = factories.cgi_page()
    (called, *_) = pictures.pieces(exchange, "interface")
    assert called.started == 140 * MS
    assert pictures.lane(exchange, "interface").title == "wsgi.py"
    assert min(start for start, _ in called.works) >= 140 * MS
    (server,) = pictures.pieces(exchange, "server")
    assert (server.name, server.works) == ("lighttpd", ())


def test_lane_without_a_known_start_and_without_a_recorder() -> None:
    exchange = without(factories.cgi_page(), "cgi.process.started", "cgi.recorder.loaded")
    (pieces,) = pictures.lane(exchange, "process").rows
    assert [piece.name for piece in pieces[:2]] == ["interpreter", "imports"]


def test_a_project_that_could_not_be_loaded_was_never_called() -> None:
    kept = ("cgi.process.started", "cgi.interpreter.ready", "cgi.recorder.loaded", "cgi.process.finished")
    exchange = factories.cgi_page()
    exchange = msgspec.structs.replace(exchange, trail=[event for event in exchange.trail if event[0] in kept])
    drawn = pictures.drawn(exchange)
    assert [name.title for name in drawn.names] == ["Client", "lighttpd", "New process"]
    (pieces,) = pictures.lane(exchange, "process").rows
    assert pieces[-1].text == "Imports of Django and the project, which did not succeed."
    told = "".join(word.text for word in sentence(exchange, read(exchange)))
    assert told.startswith("lighttpd started a new process for this request, which could not load the project")


def test_no_such_lane_where_the_process_serves_others_too() -> None:
    assert phases.process(factories.wsgi_page()) is None
    assert document(factories.wsgi_page())["process"] is None
    assert pictures.pieces(factories.wsgi_page(), "process") == []


def test_row_of_the_list() -> None:
    summary = summarise(factories.cgi_page())
    made = rows.row(summary)
    assert made["tag"] == "CGI"
    assert made["note"].startswith("new process, 140 ms to load the project · ")
    (first, *_) = rows.bar(made, made["measure"] or 1)
    assert first["place"] == "server"
    assert first["width"] > rows.BAR * 0.9, "nearly all of the time went into the process"
    assert row(summary)["process_ms"] == 140


def test_sentence_and_remark() -> None:
    exchange = factories.cgi_page()
    trail = read(exchange)
    told = "".join(word.text for word in sentence(exchange, trail))
    assert told.startswith(
        "lighttpd started a new process for this request, which had loaded the project after 140 ms; "
        "Django passed it through 7 middleware"
    )
    found = remark(exchange, trail)
    assert found is not None
    assert found.headline == "The process was getting ready for 140 of 146 ms."
    assert "Python 20.0 ms, the recorder 25.0 ms and imports of Django and the project 95.0 ms" in found.words[0].text
    # Where the view takes longer than that, the process is not what stands out.
    slow = msgspec.structs.replace(exchange, ended=(exchange.ended or 0) + 500 * MS)
    assert "getting ready" not in str(remark(slow, read(slow)))


def test_a_client_that_left() -> None:
    exchange = factories.cgi_page()
    left = (exchange.ended or 0) - 100_000
    trail = read(msgspec.structs.replace(exchange, trail=[*exchange.trail, ("cgi.disconnect", left, "SIGTERM")]))
    assert trail.left == left - exchange.started


def test_standard_input_in_the_handover() -> None:
    told = handover.stdin(Subject(factories.cgi_page()))
    assert told is not None
    assert (told["size"], told["excerpt"]) == (2048, "colour=orange")
    assert told["began"] > 140 * MS
    assert told["took"] == 200_000
    assert handover.stdin(Subject(without(factories.cgi_page(), "cgi.stdin.started"))) == {"size": 0}
    assert handover.stdin(Subject(factories.wsgi_page())) is None


def test_variables_that_are_none_of_the_requests() -> None:
    exchange = factories.cgi_page()
    assert exchange.handover is not None
    handed = [*exchange.handover.entries, ["EDITOR", "vi"], ["GATEWAY_RECEIVED", "1795258815250207"]]
    entries = {entry.key: entry for entry in handover.entries(exchange, trails.handover("environ", **dict(handed)))}
    assert entries["EDITOR"].group == "process"
    assert entries["GATEWAY_RECEIVED"].origin.known


def test_json() -> None:
    assert document(factories.cgi_page())["process"] == {
        "start_known_from": "kernel",
        "interpreter_ms": 20,
        "recorder_ms": 25,
        "import_ms": 95,
        "modules": 680,
        "cpu_before_ms": 131,
        "cpu_ms": 139,
        "memory_bytes": 50331648,
        "kept_ms": 2,
    }
    # What is not known is null: without a start, the interpreter's is none either.
    told = document(without(factories.cgi_page(), "cgi.process.started", "cgi.process.finished"))["process"]
    assert (told["start_known_from"], told["interpreter_ms"], told["cpu_ms"]) == (None, None, None)
    (event,) = [event for event in document(factories.cgi_page())["events"] if event["name"] == "cgi.process.finished"]
    assert (event["cpu_ms"], event["kept_ms"]) == (139, 2)
