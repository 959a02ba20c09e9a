import logging


def configure(level: str) -> None:
    """Log to stderr at `level`; libraries that repeat what we say ourselves are quieter."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    for noisy in ("faust", "mode", "streams.app", "streams.transport", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
