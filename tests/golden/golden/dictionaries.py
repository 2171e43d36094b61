"""Tiny random dictionaries in the layouts of the libraries that publish them, with what their own loaders encode and decode.

Each folder below `data/dictionaries` is one dictionary as its library saves it, and `expected.safetensors` beside them holds for each
`<folder>/rows`, `<folder>/codes` and `<folder>/reconstructed`. What a library writes is written by the library. For the formats whose
authors publish no writer (Gemma Scope, Llama Scope) the files are written here, and read by SAELens.

Where a loader differs from what its format means, which is said beside each case, the expected values are a few lines of NumPy.

These libraries want others beside torch, which requirements-dictionaries.txt pins.
"""
import json
import os
import pathlib
import shutil
import tempfile
from unittest import mock

import numpy
import torch
from safetensors.torch import save_file

from .common import folder

COLUMNS, CONCEPTS, OUTPUTS, ROWS = 12, 20, 10, 9

HOOK = "blocks.5.hook_resid_post"


def random(generator, *shape, scale=1.0):
    return torch.randn(shape, generator=generator) * scale


class Writer:
    """Collects the cases."""

    def __init__(self, place):
        self.place, self.expected = place, {}

    def case(self, name):
        shutil.rmtree(self.place / name, ignore_errors=True)
        return folder("dictionaries", name)

    def add(self, name, rows, codes, reconstructed):
        for what, values in (("rows", rows), ("codes", codes), ("reconstructed", reconstructed)):
            self.expected[f"{name}/{what}"] = torch.as_tensor(values).detach().to(torch.float32).contiguous()
        share = (torch.as_tensor(codes) != 0).float().mean().item()
        print(f"{name}: {share:.2f} of the codes are not zero")
        # A case says nothing where all codes are zero, or none is that could be.
        assert share > 0.04, name


def rows_of(generator):
    return random(generator, ROWS, COLUMNS) + 0.5


def fill(model, generator):
    """Random parameters for all of a model: no bias is zero, no row has the norm 1."""
    with torch.no_grad():
        for name, parameter in sorted(model.state_dict().items()):
            if parameter.dtype.is_floating_point:
                values = random(generator, *parameter.shape, scale=0.5)
                parameter.copy_(values.abs() * 0.6 if "threshold" in name else values)


def sae_lens(writer, generator):
    from sae_lens import SAE
    from sae_lens.registry import get_sae_class, get_sae_training_class

    metadata = {"model_name": "gpt2-small", "hook_name": HOOK}
    with_others = {
        "standard": [
            {},
            {"apply_b_dec_to_input": False, "dtype": "float16"},
            {"normalize_activations": "layer_norm"},
            {"normalize_activations": "constant_norm_rescale"},
        ],
        "topk": [{"k": 4}, {"k": 4, "rescale_acts_by_decoder_norm": True}],
        "abstopk": [{"k": 3}],
        "jumprelu": [{}],
        "gated": [{}],
        "transcoder": [{"normalize_activations": "layer_norm"}],
        "skip_transcoder": [{}],
        "jumprelu_transcoder": [{}],
        "jumprelu_skip_transcoder": [{}],
        "matching_pursuit": [{"max_iterations": 5, "residual_threshold": 0.4}, {"stop_on_duplicate_support": False}],
    }
    for architecture, variants in with_others.items():
        sae_class, config_class = get_sae_class(architecture)
        for number, options in enumerate(variants):
            name = f"sae_lens_{architecture}" + (f"_{number}" if number else "")
            options = {"d_in": COLUMNS, "d_sae": CONCEPTS} | options
            if "transcoder" in architecture:
                options |= {"d_out": OUTPUTS, "apply_b_dec_to_input": False}
            config = config_class(**options)
            for key, value in metadata.items():
                config.metadata[key] = value
            if "transcoder" in architecture:
                config.metadata["hook_name_out"] = "blocks.5.hook_mlp_out"
            sae = sae_class(config)
            fill(sae, generator)
            if architecture == "matching_pursuit":
                sae.W_dec.data /= sae.W_dec.data.norm(dim=1, keepdim=True)
            place = writer.case(name)
            sae.save_model(place)
            # In the number type of its file SAELens rounds the rows, too; Eidos computes in f32.
            opened = SAE.load_from_disk(place, dtype="float32")
            rows = rows_of(generator)
            with torch.no_grad():
                writer.add(name, rows, opened.encode(rows), opened(rows))
    # As a factor for all rows is folded after training.
    config = get_sae_class("jumprelu")[1](d_in=COLUMNS, d_sae=CONCEPTS, normalize_activations="expected_average_only_in")
    sae = get_sae_class("jumprelu")[0](config)
    fill(sae, generator)
    place = writer.case("sae_lens_factor")
    sae.save_model(place)
    opened = SAE.load_from_disk(place)
    opened.fold_activation_norm_scaling_factor(1.7)
    rows = rows_of(generator)
    with torch.no_grad():
        writer.add("sae_lens_factor", rows, opened.encode(rows), opened(rows))
    # Checkpoints of a training, which SAELens opens as a training class alone: what its inference export gives.
    for architecture in ("batchtopk", "matryoshka_batchtopk"):
        training_class, config_class = get_sae_training_class(architecture)
        options = {"matryoshka_widths": [8, CONCEPTS]} if "matryoshka" in architecture else {}
        training = training_class(config_class(d_in=COLUMNS, d_sae=CONCEPTS, k=4, **options))
        fill(training, generator)
        training.topk_threshold = torch.tensor(0.7, dtype=torch.double)
        place = writer.case(f"sae_lens_{architecture}_checkpoint")
        training.save_model(place)
        with tempfile.TemporaryDirectory() as exported:
            training.save_inference_model(exported)
            opened = SAE.load_from_disk(exported)
        rows = rows_of(generator)
        with torch.no_grad():
            writer.add(place.name, rows, opened.encode(rows), opened(rows))
    older_sae_lens(writer, generator)


def older_sae_lens(writer, generator):
    """Layouts of versions before 6, which SAELens 6 still reads, but for factors of codes."""
    from sae_lens import SAE

    tensors = {
        "W_enc": random(generator, COLUMNS, CONCEPTS, scale=0.5),
        "b_enc": random(generator, CONCEPTS, scale=0.5),
        "W_dec": random(generator, CONCEPTS, COLUMNS, scale=0.5),
        "b_dec": random(generator, COLUMNS, scale=0.5),
    }
    sizes = {"d_in": COLUMNS, "d_sae": CONCEPTS, "dtype": "torch.float32", "device": "mps", "model_name": "gpt2-small"}
    layouts = {
        "sae_lens_2": {"hook_point": "blocks.5.hook_resid_pre", "hook_point_layer": 5, "normalize_activations": False},
        "sae_lens_5_topk": {
            "architecture": "standard", "hook_name": "blocks.5.attn.hook_z", "hook_layer": 5, "activation_fn_str": "topk",
            "activation_fn_kwargs": {"k": 3}, "apply_b_dec_to_input": False, "normalize_activations": None,
            "sae_lens_training_version": "5.1.0",
        },
        "sae_lens_5_scaled": {
            "architecture": "standard", "hook_name": "blocks.5.hook_mlp_out", "activation_fn_str": "relu",
            "finetuning_scaling_factor": True, "normalize_activations": "none",
        },
    }
    for name, layout in layouts.items():
        place, own = writer.case(name), dict(tensors)
        if name == "sae_lens_2":
            own["scaling_factor"] = torch.ones(CONCEPTS)
        if name == "sae_lens_5_scaled":
            own["scaling_factor"] = 1 + random(generator, CONCEPTS, scale=0.2)
        save_file(own, place / "sae_weights.safetensors")
        (place / "cfg.json").write_text(json.dumps(sizes | layout))
        rows = rows_of(generator)
        with torch.no_grad():
            if name == "sae_lens_5_scaled":
                # SAELens 6 fails to load it; version 5 multiplied codes by the factors before it decoded them.
                codes = ((rows - own["b_dec"]) @ own["W_enc"] + own["b_enc"]).relu()
                writer.add(name, rows, codes, (codes * own["scaling_factor"]) @ own["W_dec"] + own["b_dec"])
            else:
                opened = SAE.load_from_disk(place, dtype="float32")
                shaped = rows.reshape(ROWS, 3, 4) if "hook_z" in str(layout) else rows
                writer.add(name, rows, opened.encode(shaped), opened(shaped).reshape(ROWS, COLUMNS))


def read_from_hub(place, loader, repository, within, **arguments):
    """What a loader of SAELens for files of a hub makes of a folder on this machine."""
    from sae_lens.loading import pretrained_sae_loaders as loaders
    from sae_lens.registry import get_sae_class

    def download(repo_id=None, filename=None, subfolder=None, **_):
        path = pathlib.Path(place) / (f"{subfolder}/{filename}" if subfolder else filename)
        if not path.exists():
            raise loaders.EntryNotFoundError("no such file")
        return str(path)

    def shapes(_, filename):
        from safetensors import safe_open

        with safe_open(pathlib.Path(place) / filename, "pt") as opened:
            return {name: list(opened.get_tensor(name).shape) for name in opened.keys()}

    with mock.patch.object(loaders, "hf_hub_download", download), mock.patch.object(
        loaders, "get_safetensors_tensor_shapes", shapes
    ):
        config, state, _ = getattr(loaders, loader)(repository, within, **arguments)
    config = loaders.handle_config_defaulting(config)
    sae_class, config_class = get_sae_class(config["architecture"])
    sae = sae_class(config_class.from_dict(config))
    sae.load_state_dict(state)
    return sae


def gemma_scope(writer, generator):
    root = writer.place / "gemma_scope"
    shutil.rmtree(root, ignore_errors=True)
    compressed = {"res": True, "mlp": False, "att": False, "transcoders": True}
    for kind, within in (
        ("res", "layer_20/width_16k/average_l0_71"),
        ("res", "embedding/width_4k/average_l0_6"),
        ("mlp", "layer_3/width_16k/average_l0_10"),
        ("att", "layer_7/width_16k/average_l0_10"),
        ("transcoders", "layer_9/width_16k/average_l0_10"),
    ):
        repository = f"gemma-scope-2b-pt-{kind}"
        place = root / repository / within
        place.mkdir(parents=True)
        outputs = COLUMNS
        arrays = {
            "W_enc": random(generator, COLUMNS, CONCEPTS, scale=0.5),
            "W_dec": random(generator, CONCEPTS, outputs, scale=0.5),
            "b_enc": random(generator, CONCEPTS, scale=0.5),
            "b_dec": random(generator, outputs, scale=0.5),
            "threshold": random(generator, CONCEPTS).abs() * 0.6,
        }
        arrays = {name: value.numpy() for name, value in arrays.items()}
        if kind == "att":
            # NumPy writes what lies by columns as it lies.
            arrays["W_enc"] = numpy.asfortranarray(arrays["W_enc"])
        save = numpy.savez_compressed if compressed[kind] else numpy.savez
        save(place / "params.npz", **arrays)
        sizes = {"d_in": COLUMNS, "d_sae": CONCEPTS, "d_out": outputs}
        loader = "gemma_2_transcoder_huggingface_loader" if kind == "transcoders" else "gemma_2_sae_huggingface_loader"
        if kind != "transcoders":
            sizes.pop("d_out")
        sae = read_from_hub(root / repository, loader, f"google/{repository}", within, cfg_overrides=sizes)
        rows = rows_of(generator)
        shaped = rows.reshape(ROWS, 3, 4) if kind == "att" else rows
        with torch.no_grad():
            reconstructed = sae(shaped).reshape(ROWS, outputs)
            writer.add(f"gemma_scope/{repository}/{within}", rows, sae.encode(shaped), reconstructed)
    root = writer.place / "gemma_scope_2"
    shutil.rmtree(root, ignore_errors=True)
    for within, config in (
        ("resid_post/layer_5_width_16k_l0_medium", None),
        (
            "transcoder_all/layer_7_width_16k_l0_small_affine",
            {
                "architecture": "jump_relu", "model_name": "gemma-v3-1b-pt", "affine_connection": True,
                "hf_hook_point_in": "model.layers.7.pre_feedforward_layernorm.output",
                "hf_hook_point_out": "model.layers.7.post_feedforward_layernorm.output",
            },
        ),
    ):
        repository = "gemma-scope-2-1b-pt"
        place = root / repository / within
        place.mkdir(parents=True)
        tensors = {
            "w_enc": random(generator, COLUMNS, CONCEPTS, scale=0.5),
            "w_dec": random(generator, CONCEPTS, COLUMNS, scale=0.5),
            "b_enc": random(generator, CONCEPTS, scale=0.5),
            "b_dec": random(generator, COLUMNS, scale=0.5),
            "threshold": random(generator, CONCEPTS).abs() * 0.6,
        }
        if config:
            tensors["affine_skip_connection"] = random(generator, COLUMNS, COLUMNS, scale=0.5)
            (place / "config.json").write_text(json.dumps(config))
        save_file(tensors, place / "params.safetensors")
        sae = read_from_hub(root / repository, "gemma_3_sae_huggingface_loader", f"google/{repository}", within, device="cpu")
        rows = rows_of(generator)
        with torch.no_grad():
            writer.add(f"gemma_scope_2/{repository}/{within}", rows, sae.encode(rows), sae(rows))


def llama_scope(writer, generator):
    """With one norm for rows and output and rows of the norm 1, SAELens' loader gives what the format means. Otherwise it does not."""
    for name, norms, unit in (("llama_scope", (7.0, 7.0), True), ("llama_scope_transcoder", (5.0, 9.0), False)):
        place = writer.case(name)
        (place / "checkpoints").mkdir()
        encoder = random(generator, CONCEPTS, COLUMNS, scale=0.3).bfloat16()
        decoder = random(generator, COLUMNS, CONCEPTS)
        decoder = (decoder / decoder.norm(dim=0) if unit else decoder * 0.3).bfloat16()
        biases = random(generator, CONCEPTS, scale=0.3).bfloat16(), random(generator, COLUMNS, scale=0.3).bfloat16()
        save_file(
            {"encoder.weight": encoder, "encoder.bias": biases[0], "decoder.weight": decoder.contiguous(), "decoder.bias": biases[1]},
            place / "checkpoints" / "final.safetensors",
        )
        points = ("blocks.5.hook_resid_post",) * 2 if unit else ("blocks.5.ln2.hook_normalized", "blocks.5.hook_mlp_out")
        (place / "hyperparams.json").write_text(json.dumps({
            "hook_point_in": points[0], "hook_point_out": points[1], "act_fn": "jumprelu", "jump_relu_threshold": 0.35,
            "d_model": COLUMNS, "d_sae": CONCEPTS, "top_k": 50, "apply_decoder_bias_to_pre_encoder": False,
            "dataset_average_activation_norm": {"in": norms[0], "out": norms[1]},
        }))
        rows = rows_of(generator)
        if unit:
            sae = read_from_hub(
                writer.place, "llama_scope_sae_huggingface_loader", "fnlp/x", name, device="cpu", cfg_overrides={"dtype": "float32"}
            )
            sae.fold_activation_norm_scaling_factor(COLUMNS**0.5 / norms[0])
            # The norms of the rows are 1 to the digits of bfloat16 alone: no code may lie between the two thresholds.
            with torch.no_grad():
                writer.add(name, rows, sae.encode(rows), sae(rows))
            continue
        scales = [COLUMNS**0.5 / norm for norm in norms]
        before = scales[0] * rows @ encoder.float().T + biases[0].float()
        on = before * decoder.float().norm(dim=0) / scales[1] > 0.35
        codes = before * on
        writer.add(name, rows, codes, (codes @ decoder.float().T + biases[1].float()) / scales[1])
    place = writer.case("llama_scope_r1")
    tensors = {
        "encoder.weight": random(generator, CONCEPTS, COLUMNS, scale=0.5), "encoder.bias": random(generator, CONCEPTS, scale=0.5),
        "decoder.weight": random(generator, COLUMNS, CONCEPTS, scale=0.5), "decoder.bias": random(generator, COLUMNS, scale=0.5),
        "log_jumprelu_threshold": random(generator, CONCEPTS) - 1,
    }
    save_file(tensors, place / "sae_weights.safetensors")
    (place / "config.json").write_text(json.dumps({
        "sae_type": "sae", "hook_point_in": HOOK, "hook_point_out": HOOK, "d_model": COLUMNS, "expansion_factor": 32,
        "act_fn": "jumprelu", "norm_activation": "dataset-wise",
    }))
    sae = read_from_hub(
        writer.place, "llama_scope_r1_distill_sae_huggingface_loader", "fnlp/x", "llama_scope_r1", device="cpu",
        cfg_overrides={"d_sae": CONCEPTS},
    )
    sae.fold_activation_norm_scaling_factor(0.4)
    rows = rows_of(generator)
    with torch.no_grad():
        writer.add("llama_scope_r1", rows, sae.encode(rows), sae(rows))


def sparsify(writer, generator):
    # Its decoder for GPUs is chosen wherever Triton is installed.
    os.environ["SPARSIFY_DISABLE_TRITON"] = "1"
    from sparsify import SparseCoder, SparseCoderConfig

    root = writer.place / "sparsify"
    shutil.rmtree(root, ignore_errors=True)
    for name, options in {
        "layers.5": {"k": 4, "num_latents": CONCEPTS},
        "layers.6.mlp": {"k": 3, "num_latents": CONCEPTS, "transcode": True, "skip_connection": True},
        "h.3.attn": {"k": 5, "num_latents": CONCEPTS, "activation": "groupmax"},
        "embed_tokens": {"k": 4, "num_latents": 0, "expansion_factor": 2, "multi_topk": True},
    }.items():
        coder = SparseCoder(COLUMNS, SparseCoderConfig(**options), dtype=torch.float32)
        fill(coder, generator)
        coder.save_to_disk(root / name)
        if name == "layers.5":
            # Files of older versions say less.
            path = root / name / "cfg.json"
            config = {key: value for key, value in json.loads(path.read_text()).items()
                      if key in ("d_in", "k", "num_latents", "expansion_factor", "normalize_decoder", "signed")}
            path.write_text(json.dumps(config))
        opened = SparseCoder.load_from_disk(root / name)
        rows = rows_of(generator)
        with torch.no_grad():
            found = opened.encode(rows)
            codes = torch.zeros(ROWS, opened.num_latents).scatter(1, found.top_indices, found.top_acts)
            reconstructed = opened.decode(found.top_acts, found.top_indices)
            if opened.W_skip is not None:
                reconstructed += rows @ opened.W_skip.mT
        writer.add(f"sparsify/{name}", rows, codes, reconstructed)


def dictionary_learning(writer, generator):
    from dictionary_learning.dictionary import AutoEncoder, AutoEncoderNew, GatedAutoEncoder, JumpReluAutoEncoder
    from dictionary_learning.trainers.batch_top_k import BatchTopKSAE
    from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKSAE
    from dictionary_learning.trainers.top_k import AutoEncoderTopK

    for name, model, options in (
        ("standard", AutoEncoder(COLUMNS, CONCEPTS), {}),
        ("april", AutoEncoderNew(COLUMNS, CONCEPTS), {}),
        ("top_k", AutoEncoderTopK(COLUMNS, CONCEPTS, 4), {"k": 4}),
        ("batch_top_k", BatchTopKSAE(COLUMNS, CONCEPTS, 4), {"k": 4}),
        ("matryoshka", MatryoshkaBatchTopKSAE(COLUMNS, CONCEPTS, 4, [8, CONCEPTS - 8]), {"k": 4}),
        ("jump_relu", JumpReluAutoEncoder(COLUMNS, CONCEPTS), {}),
        ("gated", GatedAutoEncoder(COLUMNS, CONCEPTS), {}),
    ):
        place = writer.case(f"dictionary_learning_{name}")
        fill(model, generator)
        torch.save(model.state_dict(), place / "ae.pt")
        submodule = {"submodule_name": "mlp_out_layer_8"} if name == "gated" else {}
        (place / "config.json").write_text(json.dumps({
            "trainer": {"dict_class": type(model).__name__, "layer": 8, "lm_name": "EleutherAI/pythia-70m-deduped",
                        "activation_dim": COLUMNS, "dict_size": CONCEPTS} | options | submodule,
            "buffer": {"ctx_len": 128},
        }))
        opened = type(model).from_pretrained(place / "ae.pt")
        rows = rows_of(generator)
        with torch.no_grad():
            writer.add(place.name, rows, opened.encode(rows), opened(rows))


def generate(_shared):
    writer = Writer(folder("dictionaries"))
    for number, part in enumerate((sae_lens, gemma_scope, llama_scope, sparsify, dictionary_learning)):
        part(writer, torch.Generator().manual_seed(number))
    save_file(writer.expected, writer.place / "expected.safetensors")
