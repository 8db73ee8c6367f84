"""The river, an event's journey: emit -> match -> redact -> format -> deliver -> sink. Read `pipeline` first."""
