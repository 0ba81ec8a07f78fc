"""The steps of the tour, in the order in which the web grew: each a question that a beginner asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Step:
    key: str
    question: str
    #: Paragraphs. What stands in backticks is code.
    answer: tuple[str, ...]
    #: What is often said and is not so; "" for nothing.
    myth: str = ""
    #: Through which interface the button makes the request; "" as it is served, "both" through two, "proxy" as it is
    #: served where a proxy is in front, "websocket" opens one, "none": no button.
    through: str = ""
    #: What the button says.
    action: str = ""
    #: The tab of the exchange that shows it; "topology" for that page.
    tab: str = "journey"


CHAPTERS: Final[tuple[tuple[str, tuple[Step, ...]], ...]] = (
    (
        "A server waits",
        (
            Step(
                "server",
                "What is a web server, while nobody asks it for anything?",
                (
                    "A program that sleeps. It has asked the operating system for a socket, told it on which port it"
                    " wants to be reached, and then said: wake me when somebody comes. From then on it uses no"
                    " processor at all.",
                    "A request arrives as bytes. The kernel takes them from the network, puts them where the process"
                    " can read them, and marks the process as ready to run. What the process makes of these bytes is"
                    " all that a web server is: read them, decide, write bytes back.",
                ),
                tab="topology",
                through="none",
                action="See the processes that run now",
            ),
            Step(
                "socket",
                "What is a socket, and what is a port?",
                (
                    "A socket is one end of a connection, and for a process it is a number: a file descriptor, like"
                    " that of an open file. It reads from it and writes to it. A port is the number by which the"
                    " kernel knows which listening socket a new connection is meant for, since a machine has one"
                    " address and many servers.",
                    "The kernel makes the connection by itself and queues it. `accept()` takes the next one out of"
                    " the queue. Several processes may hold the same listening socket: whoever is awake first gets"
                    " it. That is how a restart can leave the port open, and how four workers share port 8000.",
                ),
                tab="topology",
                through="none",
                action="See who listens where",
            ),
            Step(
                "scheduler",
                "What does the operating system do meanwhile?",
                (
                    "It lets others work. There are more threads than processors, so each thread is in one of three"
                    " states: running, when it has a processor; ready, when it could run and waits for one; sleeping,"
                    " when it waits for something else, such as a database's answer or the next byte.",
                    "Most requests sleep for most of their time. That is why one machine serves many people at once,"
                    " and why a slow page is not always a busy one. Here you see which of the three your own request"
                    " was in, as the kernel counted it.",
                ),
                through="wsgi",
                action="Make a request and see its states",
                tab="threads",
            ),
        ),
    ),
    (
        "CGI: a process for each request",
        (
            Step(
                "cgi",
                "How did a program first get at a request?",
                (
                    "Early web servers sent files. When pages were to be made by programs, the Common Gateway"
                    " Interface (1993) gave them the simplest way that there is: start the program, put what is known"
                    " of the request into environment variables, and its body onto standard input. What the program"
                    " prints is the answer.",
                    "The names have stayed: `REQUEST_METHOD`, `PATH_INFO`, `QUERY_STRING` and `HTTP_HOST` are in"
                    " Django's `request.META` to this day. So has a danger: a header becomes a variable with `HTTP_`"
                    " in front, and a client may send any header it likes.",
                ),
                myth="Environment variables are no way for processes to talk to each other: a child gets a copy at"
                " birth, and that is all.",
                through="cgi",
                action="Make this request through CGI",
                tab="handover",
            ),
            Step(
                "process",
                "Why is a process for each request slow?",
                (
                    "Not because of the process: the kernel starts one in a millisecond. But each time Python has to"
                    " start, Django has to be imported, your settings, models and URLs have to be loaded, and then"
                    " all of it is thrown away after one answer.",
                    "Look at the first stretch of the picture: that is what your project takes before it can even"
                    " look at the request. Everything that came after CGI is a way not to pay this again and again.",
                ),
                through="cgi",
                action="Make it and see where the time goes",
                tab="journey",
            ),
        ),
    ),
    (
        "WSGI: a function that is called",
        (
            Step(
                "wsgi",
                "What is WSGI, then?",
                (
                    "An agreement from 2003 between any Python web server and any Python framework, and it fits on a"
                    " postcard: the server calls `application(environ, start_response)`. The process stays, so Django"
                    " is loaded once. `environ` is a dict with the very keys that CGI had.",
                    "`wsgi.py` is the file in which a server looks for that function. `get_wsgi_application()` makes"
                    " it: an object that can be called and that stands for your whole project.",
                ),
                myth="WSGI does not mean one request at a time. Threads and processes serve many; it means one"
                " thread for one request, for as long as that lasts.",
                through="wsgi",
                action="Make this request through WSGI",
                tab="handover",
            ),
            Step(
                "start_response",
                "Why start_response, and why something to iterate over?",
                (
                    "An answer has a head and a body. The application first calls `start_response(status, headers)`;"
                    " nothing goes out yet. Then it returns an iterable, and the server sends each piece as it comes,"
                    " the head before the first one.",
                    "So a file of a gigabyte never has to be in memory as a whole, and the status can still change"
                    " until the first piece is there. After that it can't: an error in the middle of a stream has to"
                    " break off a response that began with 200.",
                ),
                through="wsgi",
                action="Make it and see every event",
                tab="events",
            ),
            Step(
                "worker",
                "What is a worker, and what does Gunicorn's master do?",
                (
                    "A worker is a process that has imported your project and calls the application. The master"
                    " starts the workers, watches them, and starts another one when one dies. Several workers use"
                    " several processors, since the threads of one Python process take turns.",
                    "Any server does the same job. Put uWSGI or Waitress in Gunicorn's place and not a line of your"
                    " project changes: that is what the agreement is for. Compare tells what does change.",
                ),
                myth="The master assigns no requests. The workers accept connections from one shared socket, and the"
                " kernel wakes one of them.",
                tab="topology",
                through="none",
                action="See master and workers",
            ),
        ),
    ),
    (
        "In front: a web server",
        (
            Step(
                "proxy",
                "Why does nginx stand in front?",
                (
                    "Not because Gunicorn could not speak HTTP: it does. A worker that sends a page to a slow phone"
                    " is busy until the phone has all of it. nginx takes the answer at once, lets the worker go, and"
                    " feeds the phone for as long as it takes, ten thousand of them at a time.",
                    "It also ends TLS, sends static files without waking Python, and spreads requests over several"
                    " machines. What it hides in turn is the client: your application sees nginx's connection, and"
                    " learns of the client from headers such as `X-Forwarded-For`, which only a proxy that you trust"
                    " may set.",
                ),
                through="proxy",
                action="Make a request through it and see its lane",
            ),
        ),
    ),
    (
        "ASGI: a conversation",
        (
            Step(
                "asgi",
                "What are scope, receive and send?",
                (
                    "WSGI is one call and one answer. A connection that stays open, over which both sides speak"
                    " whenever they like, does not fit into a function that returns. ASGI (2018) hands the"
                    " application a `scope`, which says what the connection is, and two functions: `await receive()`"
                    " gives the next event from the client, `await send(event)` gives one back.",
                    "Where a request waits, its coroutine is put aside, and the same thread goes on with another"
                    " one. A thousand open connections then cost a thousand small objects in place of a thousand"
                    " threads.",
                ),
                through="asgi",
                action="Make this request through ASGI",
                tab="handover",
            ),
            Step(
                "hops",
                "Is ASGI faster?",
                (
                    "Not by itself. One request alone is often slower: where sync code is called from the event"
                    " loop, it has to be taken to a thread and its result back again, so that it blocks nobody else."
                    " Each of these hops costs a fraction of a millisecond, and Django's default middleware can cause"
                    " sixteen.",
                    "It pays where requests wait for each other, for other services, for the client: what waits does"
                    " not hold a thread. Make the same request both ways and look.",
                ),
                myth="“Async is faster” is true of waiting, not of working: while the loop runs one request's code,"
                " all others stand still.",
                through="both",
                action="Make it both ways and compare",
                tab="compare",
            ),
        ),
    ),
    (
        "WebSockets: both speak",
        (
            Step(
                "websocket",
                "What is a WebSocket, and what are Channels for?",
                (
                    "It begins as an ordinary GET with the header `Upgrade: websocket`. The server answers 101, and"
                    " from then on the same connection carries messages, both ways, until somebody closes it with a"
                    " code that says why.",
                    "Channels brings this to Django: a router that sends each kind of connection to its application,"
                    " and consumers, which are to messages what views are to requests. A channel layer carries"
                    " messages from one process to another, since two people in one chat may be connected to two"
                    " workers.",
                ),
                through="websocket",
                action="Open one and see its messages",
                tab="messages",
            ),
            Step(
                "bytes",
                "And what if the other side is not Python at all?",
                (
                    "It never matters. Only bytes cross the network: a request line, headers, a blank line, a body."
                    " Whether a browser, a phone or a program in another language has written them can't be seen, and"
                    " JSON is but an agreement on how each side takes the body apart.",
                    "So the whole way can be tried with any tool. Copy one of your requests as a command for curl,"
                    " send it from a terminal, and see it arrive like every other.",
                ),
                through="",
                action="Make a request and see its bytes",
                tab="response",
            ),
        ),
    ),
)
STEPS: Final = {step.key: step for _, steps in CHAPTERS for step in steps}
