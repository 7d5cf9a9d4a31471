"""The controller's API from the outside: HTTP (api.py) and the WebSocket of an attachment (attachment.py)."""
