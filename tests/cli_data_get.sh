#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# data get against a server on the loopback: whole, broken off and resumed, ranges ignored, wrong bytes, missing files.
# usage: cli_data_get.sh STRATA
# shellcheck source=tests/cli_fixture.bash
. "$(dirname "$0")/cli_fixture.bash"

# The files are stand-ins, so the table's checksums refuse them: what is looked at is how they are refused, and that a
# part goes on where it ended.
mkdir served
head -c 300000 /dev/urandom >served/train-images-idx3-ubyte.gz
cat >server.py <<'END'
import http.server, os, re, sys

mode = sys.argv[1]

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = "served/" + os.path.basename(self.path)
        with open("requests", "a") as log:
            log.write("%s %s\n" % (self.path, self.headers.get("Range", "-")))
        if not os.path.exists(path):
            return self.send_error(404)
        data = open(path, "rb").read()
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        begin = int(wanted[1]) if wanted and mode != "whole" else 0
        if begin and begin >= len(data):
            return self.send_error(416)
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(data) - begin))
        if begin:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (begin, len(data) - 1, len(data)))
        self.end_headers()
        part = data[begin:]
        if mode == "breaks" and begin == 0:
            part = part[:100000]
        self.wfile.write(part)
        self.wfile.flush()
        self.close_connection = True
    def log_message(self, *words):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
open("port", "w").write(str(server.server_port))
server.serve_forever()
END

serve() {
    rm -f port requests
    python3 server.py "$1" &
    server=$!
    for _ in $(seq 100); do [ -s port ] && break; sleep 0.05; done
    mirror=http://127.0.0.1:$(cat port)/
}
stop() { kill $server 2>/dev/null; wait $server 2>/dev/null; }
trap 'stop; rm -rf "$work"' EXIT

get() { "$strata" data get mnist --data sets --mirror "$mirror" "$@" >out 2>err; }

# Broken off, then gone on from there.
serve breaks
get
[ $? = 2 ] || fault "a transfer that broke off: $(cat err)"
part=sets/mnist/train-images-idx3-ubyte.gz.part
[ "$(stat -c %s $part)" = 100000 ] || fault "the part has $(stat -c %s $part) bytes"
get
grep -q "bytes=100000-" requests || fault "did not go on where it ended: $(cat requests)"
grep -q "expected MD5 f68b3c2dcbeaaa9fbdd348bbdeb94873, found $(md5sum <served/train-images-idx3-ubyte.gz | cut -d' ' -f1)" err ||
    fault "the whole file was not what was served: $(cat err)"
[ -z "$(ls sets/mnist)" ] || fault "wrong bytes were left: $(ls sets/mnist)"
stop

# A server that ignores ranges: the file is taken from its begin.
serve whole
mkdir -p sets/mnist
head -c 5000 /dev/zero >$part
get
grep -q "found $(md5sum <served/train-images-idx3-ubyte.gz | cut -d' ' -f1)" err || fault "ranges ignored: $(cat err)"

# Missing there; no server; no such set; nowhere to write; a file that is there and wrong.
rm served/*
get
[ $? = 2 ] && grep -q "answers 404" err || fault "404: $(cat err)"
stop
get
[ $? = 2 ] && grep -q "goes on where it ended" err || fault "no server: $(cat err)"
"$strata" data get mnits >out 2>err
[ $? = 2 ] && grep -q "did you mean 'mnist'" err || fault "no such set: $(cat err)"
"$strata" data get >out 2>err && fault "no name: $(cat err)"
"$strata" data get mnist --mirror nowhere >out 2>err && fault "a mirror without a slash: $(cat err)"
touch plain
"$strata" data get mnist --data plain --mirror "$mirror" >out 2>err && fault "a file for a folder: $(cat err)"
echo wrong >sets/mnist/train-images-idx3-ubyte.gz
get
[ $? = 2 ] && grep -q "remove it" err || fault "a wrong file was overwritten: $(cat err)"
[ "$(cat sets/mnist/train-images-idx3-ubyte.gz)" = wrong ] || fault "a file of the user's was changed"
done_with cli_data_get
