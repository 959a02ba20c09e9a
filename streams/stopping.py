import asyncio
import signal

INTERRUPTED = 130


class Stop(asyncio.Event):
    """Set by SIGTERM, a supervisor's way to stop us (exit 0), or SIGINT, a person's (exit 130)."""

    exit_code = 0

    @classmethod
    def on_signals(cls) -> "Stop":
        """Return a stop that the running loop sets."""
        stop = cls()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.add_signal_handler(signal.SIGINT, stop.interrupt)
        return stop

    def interrupt(self) -> None:
        """Stop as a person does."""
        self.exit_code = INTERRUPTED
        self.set()
