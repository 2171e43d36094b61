"""Sparse autoencoders of Eidos, SAELens and interpreto on the same rows, with the same steps, batches and schedule, one after the
other on this machine: how much they leave unexplained, how near they come to the true atoms, and how long they take.

    pip install sae-lens interpreto
    python benches/sae_peers.py --sae target/release/deps/sae-... [--seeds 0,1,2] [--rows FILE.f32 --columns 384 --concepts 3072]

Without --rows the problem has a known answer: 256 random unit atoms in 64 dimensions, rows with 5 active ones with coefficients from
0.5 to 1.5, and noise of 0.01; 20,000 rows to train on, 4,000 to test. `--sae` is the program of `cargo bench --bench sae --no-run`.
"""

import argparse
import json
import math
import os
import subprocess
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument("--sae", required=True)
parser.add_argument("--seeds", default="0")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--steps", type=int, default=4000)
parser.add_argument("--batch", type=int, default=1024)
parser.add_argument("--rows")
parser.add_argument("--columns", type=int, default=64)
parser.add_argument("--concepts", type=int, default=256)
parser.add_argument("--k", type=int, default=5)
parser.add_argument("--rate", type=float, help="the learning rate of SAELens, instead of that of Eidos")
parser.add_argument("--only", default="eidos,sae_lens,interpreto")
parser.add_argument("--kinds", default="top_k,batch_top_k,vanilla,gated,jump_relu,matryoshka,matching_pursuit")
arguments = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(arguments.threads)

import numpy as np  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(arguments.threads)
KINDS = arguments.kinds.split(",")
# The coefficients of the penalties of SAELens, which end near the given numbers of codes; Eidos aims at those numbers.
PENALTIES = {"vanilla": (1.33, 9.0), "gated": (1.68, 7.9), "jump_relu": (0.5, 4.1)}


def problem(seed):
    random = np.random.RandomState(seed)
    atoms = random.randn(256, 64)
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    active = np.argsort(random.rand(24_000, 256), axis=1)[:, :5]
    rows = (atoms[active] * (0.5 + random.rand(24_000, 5, 1))).sum(1) + 0.01 * random.randn(24_000, 64)
    return atoms.astype("f4"), rows[:20_000].astype("f4"), rows[20_000:].astype("f4")


def mmcs(atoms, dictionary):
    if atoms is None:
        return float("nan")
    dictionary = dictionary / np.maximum(np.linalg.norm(dictionary, axis=1, keepdims=True), 1e-12)
    return float((atoms @ dictionary.T).max(1).mean())


def measures(codes, decoded, test):
    codes, decoded = codes.detach().numpy(), decoded.detach().numpy()
    fvu = ((decoded - test) ** 2).sum() / ((test - test.mean(0)) ** 2).sum()
    return {"fvu": float(fvu), "l0": float((codes != 0).sum(1).mean()), "dead": float((codes != 0).any(0).mean() * -1 + 1)}


def say(who, kind, seed, line):
    print(json.dumps({"who": who, "kind": kind, "seed": seed, **{k: round(v, 4) for k, v in line.items()}}), flush=True)


def batches(rows, seed):
    rows, random = torch.from_numpy(rows), torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(rows), generator=random)
        for first in range(0, len(rows) - arguments.batch + 1, arguments.batch):
            yield rows[order[first : first + arguments.batch]]


def eidos(atoms, rows, test, seed, folder):
    rows.tofile(f"{folder}/rows.f32")
    test.tofile(f"{folder}/test.f32")
    options = [
        {"concept_count": arguments.concepts, "kind": kind, "k": round(PENALTIES[kind][1]) if kind in PENALTIES and atoms is not None else arguments.k,
         "steps": arguments.steps, "batch_rows": arguments.batch, "seed": seed}
        for kind in KINDS
    ]
    done = subprocess.run(
        [arguments.sae, "--rows", f"{folder}/rows.f32", "--test", f"{folder}/test.f32", "--columns", str(arguments.columns),
         "--threads", str(arguments.threads), "--options", json.dumps(options), "--dictionary", f"{folder}/dictionary"],
        check=True, capture_output=True, text=True,
    )
    for index, line in enumerate(done.stdout.splitlines()):
        line = json.loads(line)
        dictionary = np.fromfile(f"{folder}/dictionary.{index}", dtype="f4").reshape(-1, arguments.columns)
        found = {name: line[name] for name in ("fvu", "l0", "dead", "seconds")}
        say("eidos", KINDS[index], seed, {**found, "mmcs": mmcs(atoms, dictionary)})


def sae_lens(atoms, rows, test, seed, rate):
    import sae_lens as peer
    from sae_lens.config import SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    classes = {
        "top_k": (peer.TopKTrainingSAE, peer.TopKTrainingSAEConfig, {"k": arguments.k}),
        "batch_top_k": (peer.BatchTopKTrainingSAE, peer.BatchTopKTrainingSAEConfig, {"k": arguments.k}),
        "vanilla": (peer.StandardTrainingSAE, peer.StandardTrainingSAEConfig, {"l1_coefficient": PENALTIES["vanilla"][0]}),
        "gated": (peer.GatedTrainingSAE, peer.GatedTrainingSAEConfig, {"l1_coefficient": PENALTIES["gated"][0]}),
        "jump_relu": (peer.JumpReLUTrainingSAE, peer.JumpReLUTrainingSAEConfig, {"l0_coefficient": PENALTIES["jump_relu"][0]}),
        "matching_pursuit": (peer.MatchingPursuitTrainingSAE, peer.MatchingPursuitTrainingSAEConfig, {"max_iterations": arguments.k}),
        "matryoshka": (peer.MatryoshkaBatchTopKTrainingSAE, peer.MatryoshkaBatchTopKTrainingSAEConfig,
                       {"k": arguments.k, "matryoshka_widths": [arguments.concepts // share for share in (8, 4, 2, 1)]}),
    }
    for kind in KINDS:
        torch.manual_seed(seed)
        made, config, settings = classes[kind]
        sae = made(config(d_in=arguments.columns, d_sae=arguments.concepts, normalize_activations="expected_average_only_in", device="cpu", **settings))
        trainer = SAETrainerConfig(
            total_training_samples=arguments.steps * arguments.batch, train_batch_size_samples=arguments.batch, lr=rate, lr_end=0.0,
            lr_warm_up_steps=arguments.steps // 20, lr_decay_steps=arguments.steps // 4, n_batches_for_norm_estimate=20,
        )
        begin = time.time()
        sae = SAETrainer(trainer, sae, batches(rows, seed)).fit()
        seconds = time.time() - begin
        sae.eval()
        threshold = getattr(sae, "topk_threshold", None)
        values = torch.from_numpy(test)
        with torch.no_grad():
            codes = sae.encode(values)
            found = measures(codes, sae.decode(codes), test)
            if threshold is not None:
                # What it encodes with while it trains are the largest codes of a batch; a saved one has the threshold that it kept.
                codes = torch.relu(codes) * (codes > threshold)
                kept = measures(codes, sae.decode(codes), test)
                found |= {f"{name} by threshold": kept[name] for name in ("fvu", "l0")}
        say("sae_lens", kind, seed, {**found, "mmcs": mmcs(atoms, sae.W_dec.detach().numpy()), "seconds": seconds})


def interpreto(atoms, rows, test, seed):
    from torch.utils.data import DataLoader, RandomSampler, TensorDataset

    from interpreto._vendor.overcomplete.sae import MpSAE, TopKSAE, train_sae
    from interpreto.concepts.methods.overcomplete import DeadNeuronsReanimationLoss

    for kind in KINDS:
        if kind not in ("top_k", "matching_pursuit"):
            continue
        torch.manual_seed(seed)
        if kind == "top_k":
            sae = TopKSAE(arguments.columns, nb_concepts=arguments.concepts, top_k=arguments.k, device="cpu")
        else:
            sae = MpSAE(arguments.columns, nb_concepts=arguments.concepts, k=arguments.k, device="cpu")
        data = TensorDataset(torch.from_numpy(rows))
        # As many steps as the others, which need not be whole passes.
        sampler = RandomSampler(data, num_samples=arguments.steps * arguments.batch)
        loader = DataLoader(data, batch_size=arguments.batch, sampler=sampler)
        # What it reanimates by are pre-activations, which a pursuit has not.
        loss = DeadNeuronsReanimationLoss() if kind == "top_k" else lambda x, x_hat, *_: (x - x_hat).square().mean()
        begin = time.time()
        train_sae(sae, loader, loss, torch.optim.Adam(sae.parameters(), lr=1e-3), nb_epochs=1, clip_grad=None,
                  monitoring=0, device="cpu")
        seconds = time.time() - begin
        sae.eval()
        with torch.no_grad():
            _, codes = sae.encode(torch.from_numpy(test))
            found = measures(codes, sae.decode(codes), test)
        say("interpreto", kind, seed, {**found, "mmcs": mmcs(atoms, sae.get_dictionary().detach().numpy()), "seconds": seconds})


for seed in map(int, arguments.seeds.split(",")):
    if arguments.rows:
        atoms, rows = None, np.fromfile(arguments.rows, dtype="f4").reshape(-1, arguments.columns)
        order = np.random.RandomState(seed).permutation(len(rows))
        rows, test = rows[order[len(rows) // 20 :]], rows[order[: len(rows) // 20]]
    else:
        # Not the seed of the trainings: the same numbers would be the start of Eidos, which would begin at the true atoms.
        atoms, rows, test = problem(1000 + seed)
    rate = arguments.rate or min(5e-3, max(2.5e-4, 1e-3 * math.sqrt(16384 / arguments.concepts)))
    with tempfile.TemporaryDirectory() as folder:
        if "eidos" in arguments.only:
            eidos(atoms, rows, test, seed, folder)
        if "sae_lens" in arguments.only:
            sae_lens(atoms, rows, test, seed, rate)
        if "interpreto" in arguments.only:
            interpreto(atoms, rows, test, seed)
