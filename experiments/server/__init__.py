"""The browser app: people watch the clinic, ask what to do, decide, and can take it back. One file a page.

``clinictwin serve`` starts it. `served` says which folders it shows (from the command line alone), `gate` who may look,
`run` starts it, `app` lists the pages. Needs the extra ``server``; nothing needs the internet.
"""
