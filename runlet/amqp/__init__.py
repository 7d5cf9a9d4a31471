"""The broker, as coroutines. The only home of pika."""
