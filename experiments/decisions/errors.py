"""What advice and the ledger refuse; every message says what was met and what was expected."""


class DecisionError(ValueError):
    """Advice that cannot be given, or a decision that cannot be taken."""


class LedgerError(DecisionError):
    """A ledger that cannot be read, or an entry that it does not take."""


class Conflict(LedgerError):
    """Somebody else has decided meanwhile; nothing was written."""


class BrokenChain(LedgerError):
    """A ledger that was changed behind its back; the message names the first broken link."""
