#!/usr/bin/env python3
"""A function for tests, over the Runtime API. The event says what to do."""
import json
import os
import signal
import sys
import urllib.request

API = os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime"


def post(path, body):
    urllib.request.urlopen(API + path, json.dumps(body).encode()).read()


def failure(name):
    return {"errorType": name, "errorMessage": name + " was asked for"}


if os.environ.get("INIT") == "fails":
    post("/init/error", failure("NoWay"))
    sys.exit(1)
if os.environ.get("INIT") == "exits":
    sys.exit(3)
if os.environ.get("INIT") == "hangs":
    signal.pause()

served = 0
while True:
    with urllib.request.urlopen(API + "/invocation/next") as answer:
        event = json.load(answer)
        headers = answer.headers
    served += 1
    this = "/invocation/" + headers["Lambda-Runtime-Aws-Request-Id"]
    print("served", served, flush=True)
    if event.get("do") == "fail":
        post(this + "/error", failure("Asked"))
    elif event.get("do") == "exit":
        sys.exit(7)
    elif "reply" in event:
        post(this + "/response", event["reply"])
    else:
        if "wait" in event:
            # Opening a named pipe waits for its other end.
            open(event["wait"]).close()
        post(this + "/response", {
            "pid": os.getpid(),
            "served": served,
            "event": event,
            "trace": headers.get("Lambda-Runtime-Trace-Id"),
            "deadline": int(headers["Lambda-Runtime-Deadline-Ms"]),
            "env": dict(os.environ),
        })
        if event.get("do") == "die after":
            sys.exit(0)
