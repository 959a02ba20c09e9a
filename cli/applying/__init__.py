"""`augentis apply`: a team's file, read strictly, and what it changes (docs/apply.md)."""
