"""The gateway: it owns a rack of boards, and lends them to clients whom it knows."""
