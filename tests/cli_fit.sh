#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# fit, predict, evaluate and attack on tables and pictures of the user's: the walk, a fit that was killed, wrong input.
# usage: cli_fit.sh STRATA
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cli_fixture.bash
. "$here/cli_fixture.bash"

# refuse WANTED WORDS...: status 2, a message that says so, and nothing new in the folder
refuse() {
    local wanted=$1 before after status
    shift
    before=$(ls)
    "$strata" "$@" >out 2>err
    status=$?
    after=$(ls)
    [ $status = 2 ] || fault "status $status, expected 2: $*: $(tail -n 1 err)"
    grep -q -- "$wanted" err || fault "expected '$wanted', got: $(tail -n 1 err)"
    [ "$before" = "$after" ] || fault "left something behind: $*"
}
touch out err

python3 - <<'END'
import random

random.seed(1)
with open("flowers.csv", "w") as table, open("prices.csv", "w") as numbers:
    table.write("length,width,size,kind\n")
    numbers.write("a,b,price\n")
    for i in range(300):
        kind = i % 3
        table.write("%g,%g,%g,%d\n" % (100 * kind + random.gauss(0, 20), 1e-3 * random.gauss(kind, .3), random.gauss(0, 1), kind))
        a, b = random.gauss(0, 1), random.gauss(5, 2)
        numbers.write("%g,%g,%g\n" % (a, b, 3 * a - b))
END

# ---- tables
run() { "$strata" "$@" >out 2>err || fault "$*: $(tail -n 1 err)"; }
run fit --data flowers.csv --target kind --set mlp.steps=300 --set mlp.hidden_width=32 --out flowers
[ ! -e flowers.partial ] || fault "a checkpoint was left beside the model"
run evaluate --model flowers --data flowers.csv --json
python3 -c 'import json; r = json.load(open("out")); assert r["accuracy"] > .95 and r["low"] < r["accuracy"], r' ||
    fault "the table is not learnt: $(cat out)"
run predict --model flowers --data flowers.csv --out said.csv
[ "$(wc -l <said.csv)" = 301 ] || fault "predict: $(wc -l <said.csv) lines"
run predict --model flowers --data flowers.csv --out said.npy
# Columns are found by their names: another order and a missing target change nothing, another name is refused.
awk -F, '{ print $3 "," $4 "," $2 "," $1 }' flowers.csv >turned.csv
cut -d, -f1-3 flowers.csv >unlabelled.csv
sed '1d' unlabelled.csv >headless.csv
for other in turned unlabelled headless; do
    run predict --model flowers --data $other.csv --out $other-said.csv
    cmp -s said.csv $other-said.csv || fault "predict on $other.csv"
done
sed '1s/size/sizes/' flowers.csv >renamed.csv
refuse "no column 'size'; did you mean 'sizes'" evaluate --model flowers --data renamed.csv
refuse "no column 'kind'" evaluate --model flowers --data unlabelled.csv
run attack --model flowers --data flowers.csv --norm l2 --eps 1e-4,1,50 --attacks quick,apgd_ce --rows 60 --out broken --json
python3 - <<'END' || fault "robust accuracy of the table: $(cat out)"
import json

one, two = json.load(open("out")), json.load(open("broken/result.json"))
assert one == two, "--json prints another result than the folder holds"
robust = [radius["robust_accuracy"] for radius in two["radii"]]
assert robust[0] > .9 and robust == sorted(robust, reverse=True) and robust[2] < robust[0], robust
assert len(two["checks"]) >= 8
END
for file in report.html adversarial.npy figures/robustness.csv; do [ -s broken/$file ] || fault "no $file"; done
run fit --data prices.csv --set mlp.steps=400 --out prices
run evaluate --model prices --data prices.csv --json
python3 -c 'import json; assert json.load(open("out"))["relative_error"] < .05' || fault "numbers: $(cat out)"

# ---- a fit that was interrupted goes on, and ends with the same model
slow=(fit --data flowers.csv --set mlp.steps=3000 --set mlp.hidden_width=160 --set mlp.depth=5)
run "${slow[@]}" --out whole
timeout -s INT 1 "$strata" "${slow[@]}" --out again >out 2>err
[ $? = 124 ] && [ -e again.partial ] && [ ! -e again ] || fault "an interrupted fit: $(tail -n 1 err)"
refuse "other data, learner, settings or seed" "${slow[@]}" --seed 2 --out again
refuse "other data, learner, settings or seed" "${slow[@]}" --rows 299 --out again
run "${slow[@]}" --out again
cmp -s whole again || fault "the fit that was interrupted ends elsewhere"
[ ! -e again.partial ] || fault "a checkpoint was left beside the model"

# ---- the same bits again, on one thread and two
parts=(fit --data flowers.csv --set mlp.steps=40 --set mlp.hidden_width=160 --set train.batch_size=60 --set train.shards=3)
for threads in 1 2; do run "${parts[@]}" --threads $threads --out fit$threads; done
cmp -s fit1 fit2 || fault "threads change a model"
refuse "from 1 to 4096, found 'many'" fit --data flowers.csv --threads many --out x
run attack --model flowers --data flowers.csv --norm l2 --eps 1 --attacks quick --rows 100 --threads 1 --out one
run attack --model flowers --data flowers.csv --norm l2 --eps 1 --attacks quick --rows 100 --threads 2 --out two
cmp -s one/adversarial.npy two/adversarial.npy || fault "threads change adversarial rows"

# ---- pictures
if "$strata" data list | grep -q "fashion-mnist.*/"; then
    run fit --data fashion-mnist --rows 600 --set cnn.steps=60 --set train.batch_size=64 --set train.warmup=5 --out clothes
    run evaluate --model clothes --data fashion-mnist --rows 300 --json
    python3 -c 'import json; assert json.load(open("out"))["accuracy"] > .5' || fault "pictures: $(cat out)"
    run attack --model clothes --data fashion-mnist --rows 50 --eps 8/255 --attacks quick,apgd_dlr --out pictures
    [ -s pictures/figures/examples.json ] || fault "no pictures of examples"
    refuse "wider than the box.*8/255" attack --model clothes --data fashion-mnist --eps 8 --rows 5
    refuse "outside the box.*normalised" attack --model clothes --data fashion-mnist --eps 0.1 --rows 5 --box 0.4,0.6
    refuse "inputs" evaluate --model clothes --data flowers.csv
fi

# ---- pictures in files: labels beside them by name or said, records of CIFAR-10
python3 - <<'END'
import random
import struct

random.seed(2)


def pictures(name, height, width, labels):
    pixels = bytes(random.randrange(256) for _ in range(40 * height * width))
    open(name + "-images-idx3-ubyte", "wb").write(struct.pack(">IIII", 0x803, 40, height, width) + pixels)
    if labels:
        open(name + "-labels-idx1-ubyte", "wb").write(struct.pack(">II", 0x801, 40) + bytes(i % 2 for i in range(40)))


pictures("square", 8, 8, True)
pictures("flat", 4, 16, True)
pictures("lone", 8, 8, False)
records = b"".join(bytes([i % 10]) + bytes(random.randrange(256) for _ in range(3072)) for i in range(40))
open("batch.bin", "wb").write(records)
open("short.bin", "wb").write(records[:-1])
open("label.bin", "wb").write(records[:3073] + b"\x0a" + records[3074:])
END
few=(--set cnn.steps=5 --set train.batch_size=8 --set train.warmup=1)
run fit --data square-images-idx3-ubyte "${few[@]}" --out square
run evaluate --model square --data lone-images-idx3-ubyte --labels square-labels-idx1-ubyte
run predict --model square --data lone-images-idx3-ubyte --out lone.csv
refuse "1 x 8 x 8.*1 x 4 x 16" evaluate --model square --data flat-images-idx3-ubyte
refuse "1 x 8 x 8.*labels" fit --data lone-images-idx3-ubyte --learner mlp_relu --out x
refuse "1 x 8 x 8.*labels" evaluate --model square --data lone-images-idx3-ubyte
run fit --data batch.bin "${few[@]}" --out records
run evaluate --model records --data batch.bin --json
python3 -c 'import json; r = json.load(open("out")); assert (r["rows"], r["classes"]) == (40, 10), r' || fault "records"
refuse "records of 3073" fit --data short.bin --out x
refuse "row 1" fit --data label.bin --out x
refuse "hold their labels" fit --data batch.bin --labels square-labels-idx1-ubyte --out x

# ---- certified radii: fall with the radius, end at 3.2 sigma of so many votes, and no thread changes them
run certify --model flowers --data flowers.csv --rows 40 --sigma 1e-4 --votes 500 --json --threads 1
cp out certified
python3 - <<'END' || fault "certified accuracy: $(cat certified)"
import json

radii = [row["certified"] for row in json.load(open("certified"))["radii"]]
assert radii == sorted(radii, reverse=True) and radii[0] > .9 and radii[-1] == 0, radii
END
run certify --model flowers --data flowers.csv --rows 40 --sigma 1e-4 --votes 500 --json --threads 2
cmp -s out certified || fault "threads change certificates"
refuse "expected a finite number above 0" certify --model flowers --data flowers.csv --sigma 0
refuse "expected at least 10" certify --model flowers --data flowers.csv --sigma 1 --votes 3
refuse "classifier" certify --model prices --data prices.csv --sigma 1

# ---- wrong input
refuse "no column 'kin'; did you mean 'kind'" fit --data flowers.csv --target kin --out x
refuse "expected --out" fit --data flowers.csv
refuse "expected --data" fit --out x
refuse "no such\|cannot\|not found\|No such" fit --data nowhere.csv --out x
refuse "learner" fit --data flowers.csv --learner mlp_rel --out x
refuse "adversarial.epsilon" fit --data flowers.csv --set adversarial.method=pgd --set adversarial.epsilon=0 --out x
sed '100s/[0-9]*$/1.5/' flowers.csv >half.csv
refuse "row 99" fit --data half.csv --task classes --out x
awk -F, 'NR == 1 || $4 == 1' flowers.csv >single.csv
refuse "two classes" fit --data single.csv --task classes --out x
sed '50s/^[^,]*/nan/' flowers.csv >nan.csv
refuse "50" fit --data nan.csv --out x
sed 's/2$/3/' flowers.csv >four.csv
refuse "at most the 3 classes" evaluate --model flowers --data four.csv
cut -d, -f2- flowers.csv | sed '1d' >two.csv
cut -d, -f1 flowers.csv | sed '1d' >ones.csv
head -c 300 flowers >cut
refuse "cut" evaluate --model cut --data flowers.csv
refuse "expected a class" evaluate --model flowers --data half.csv
refuse "no column 'length'" evaluate --model flowers --data prices.csv --target price
refuse "rows of 3 inputs" predict --model flowers --data ones.csv
refuse "no column 'kind'" evaluate --model flowers --data two.csv
refuse "no folder 'nowhere'" fit --data flowers.csv --out nowhere/x
refuse "is a folder" fit --data flowers.csv --out broken
# one weight is no number; a learner without derivative has attacks on its outputs only
python3 - <<'END'
import json
import struct

data = bytearray(open("flowers", "rb").read())
size = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + size])
del header["__metadata__"]["checksum"]
place = min(value["data_offsets"][0] for name, value in header.items() if name.startswith("parameter."))
data[8 + size + place:16 + size + place] = struct.pack("<d", float("nan"))
text = json.dumps(header).encode()
text += b" " * (-(8 + len(text)) % 64)
open("spoilt", "wb").write(struct.pack("<Q", len(text)) + text + data[8 + size:])
END
refuse "is not finite" attack --model spoilt --data flowers.csv --eps 0.1
refuse "is not finite" evaluate --model spoilt --data flowers.csv
cut -d, -f1,2,4 flowers.csv >pair.csv
run fit --data pair.csv --learner krr_rbf --out pair
run fit --data flowers.csv --learner krr_rbf --out kernel
run attack --model kernel --data flowers.csv --eps 1 --attacks square --queries 50 --rows 10
grep -q "not run gradients" out || fault "a learner without derivative: $(cat out)"
refuse "no derivative" attack --model kernel --data flowers.csv --eps 1 --attacks pgd --rows 10
refuse "at least 3 inputs" attack --model pair --data pair.csv --norm l2 --eps 1 --attacks square --rows 10
for wrong in -0.1 nan x 1,0.5 1/0; do
    refuse "eps" attack --model flowers --data flowers.csv --eps=$wrong
done
refuse "box" attack --model flowers --data flowers.csv --eps 0.1 --box 1,0
refuse "did you mean 'pgd'" attack --model flowers --data flowers.csv --eps 0.1 --attacks pdg
refuse "at least 4 classes" attack --model flowers --data flowers.csv --eps 0.1 --attacks apgd_dlr
refuse "classifier" attack --model prices --data prices.csv --eps 0.1
for count in steps restarts queries; do
    refuse "at least 1" attack --model flowers --data flowers.csv --eps 0.1 --$count 0
done
refuse "new or empty" attack --model flowers --data flowers.csv --eps 0.1 --out broken
torch=$here/golden/torch_mlp.safetensors
run evaluate --model "$torch" --architecture mlp_relu --mean 100,1e-3,0 --sd 80,1e-3,1 --data flowers.csv --json
run attack --model "$torch" --architecture mlp_relu --mean 100,1e-3,0 --sd 80,1e-3,1 --data flowers.csv --norm l2 \
    --eps 1 --attacks quick --rows 20 --json
refuse "got 2" evaluate --model "$torch" --architecture mlp_relu --mean 1,2 --sd 1,2 --data flowers.csv
refuse "expected 3 numbers as in --mean" evaluate --model "$torch" --architecture mlp_relu --mean 1,2,3 --sd 1,2 --data flowers.csv
refuse "strata.format" evaluate --model "$torch" --data flowers.csv
refuse "architecture" evaluate --model flowers --data flowers.csv --architecture mlp_gelu
refuse "tensor" evaluate --model flowers --data flowers.csv --architecture mlp_relu
done_with cli_fit
