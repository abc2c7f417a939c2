"""What a trace of Chromium says about the main thread of the page."""

import json
from collections import defaultdict

CATEGORIES = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"]
MILLI = 1000


class Trace:
    """Main-thread time by event, in seconds: `cpu` is the thread's own, `wall` includes waiting for a processor."""

    def __init__(self, content):
        events = json.loads(content)["traceEvents"]
        thread = self._busiest_main_thread(events)
        self.events = [e for e in events if (e["pid"], e["tid"]) == thread and e.get("ph") == "X" and "dur" in e]

    def cpu(self, name="RunTask"):
        return sum(event.get("tdur", 0) for event in self._named(name)) / MILLI / MILLI

    def wall(self, name="RunTask"):
        return sum(event["dur"] for event in self._named(name)) / MILLI / MILLI

    def count(self, name):
        return len(self._named(name))

    def longest_task(self):
        """The longest task's own time in milliseconds."""
        return max((event.get("tdur", 0) / MILLI for event in self._named("RunTask")), default=0)

    def _named(self, name):
        return [event for event in self.events if event["name"] == name]

    @staticmethod
    def _busiest_main_thread(events):
        main = {
            (e["pid"], e["tid"])
            for e in events
            if e.get("name") == "thread_name" and e["args"]["name"] == "CrRendererMain"
        }
        spent = defaultdict(int)
        for event in events:
            if event["name"] == "RunTask" and (event["pid"], event["tid"]) in main:
                spent[event["pid"], event["tid"]] += event.get("dur", 0)
        return max(main, key=lambda thread: spent[thread])
