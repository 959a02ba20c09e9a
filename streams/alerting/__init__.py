"""What an alert says, and how each channel says it: pure, without I/O or a clock (docs/alerts.md, ADR 0026).

`content` is what is known of a report, `message` the same in words, `storm` many reports in one message.
`text`, `page` and `mail`, `slack`, `teams`, `pagerduty`, `alertmanager` and `event` are the channels; `chart`
and `drawing` the picture.
"""
