"""For all tests in Python."""


class FailuresAtOnce:
    """Tells a failure when it happens, and not at the end only: a run that is broken off, or ends at a time limit, has told what it knew."""

    MOST_LINES = 60

    def __init__(self, plugins):
        self._plugins = plugins

    def pytest_runtest_logreport(self, report):
        if report.failed:
            terminal = self._plugins.get_plugin("terminalreporter")
            terminal.write_line(f"\nFAILED {report.nodeid} ({report.when}, {report.duration:.1f} s)")
            for line in report.longreprtext.splitlines()[-self.MOST_LINES :]:
                terminal.write_line("    " + line)


def pytest_configure(config):
    if not hasattr(config, "workerinput"):  # xdist's workers report to the one that started them
        config.pluginmanager.register(FailuresAtOnce(config.pluginmanager))
