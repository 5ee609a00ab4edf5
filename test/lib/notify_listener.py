"""A service manager's ear: binds the datagram socket of argv[1] and prints each message as a line of JSON."""
import json
import socket
import sys

ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ear.bind(sys.argv[1])
print("{}", flush=True)
while True:
	lines = ear.recv(4096).decode().split("\n")
	print(json.dumps(dict(line.split("=", 1) for line in lines)), flush=True)
