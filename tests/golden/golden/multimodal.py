"""Models that read text and something else, tiny and random, run on text alone: their text part inside them.

`multimodal/weights/<type>.safetensors` has the tensors of a text part under the names that it has alone (`layers.0...`,
`lm_head.weight`); `multimodal/<name>/` what transformers writes as `config.json`, what `named_modules()` says of the text part, and
values. See README.md.
"""
import shutil
import tempfile

import torch
import transformers
from safetensors.torch import save_file

from . import decoders, models
from .common import folder, write_json
from .decoders import PAD, TEXTS

TEXT = {**decoders.GROUPED, "num_hidden_layers": 2}
ROPE = dict(rope_type="default", rope_theta=100.0)
GEMMA3_ROPE = dict(
    full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000.0),
    sliding_attention=dict(rope_type="default", rope_theta=50.0),
)
# The settings of text parts, by their type and then by what else is said of it.
TEXTS_OF = {
    "llama": dict(rope_parameters=ROPE),
    "mistral": dict(rope_parameters=ROPE, sliding_window=8),
    "qwen2": dict(rope_parameters=ROPE),
    "qwen3": dict(rope_parameters=ROPE, head_dim=8),
    "gemma": dict(rope_parameters=ROPE, head_dim=8),
    "gemma2": dict(rope_parameters=ROPE, head_dim=8, query_pre_attn_scalar=6, sliding_window=8, final_logit_softcapping=1.5),
    "cohere2": dict(rope_parameters=ROPE, sliding_window=8, logit_scale=0.3, layer_types=["sliding_attention", "full_attention"]),
    "gemma3_text": dict(
        rope_parameters=GEMMA3_ROPE,
        head_dim=8,
        query_pre_attn_scalar=10,
        sliding_window=8,
        layer_types=["sliding_attention", "full_attention"],
        final_logit_softcapping=1.5,
    ),
    "qwen2_vl_text": dict(rope_parameters={**ROPE, "mrope_section": [1, 1, 1]}),
    "qwen2_5_vl_text": dict(
        rope_parameters={**ROPE, "mrope_section": [1, 1, 1]}, use_sliding_window=True, sliding_window=8, max_window_layers=1
    ),
    "qwen3_vl_text": dict(rope_parameters={**ROPE, "mrope_section": [2, 1, 1], "mrope_interleaved": True}, head_dim=8),
    "qwen3_5_text": dict(
        rope_parameters={**ROPE, "partial_rotary_factor": 0.5, "mrope_section": [1, 1, 0], "mrope_interleaved": True},
        layer_types=["linear_attention", "full_attention"],
        linear_num_key_heads=2,
        linear_num_value_heads=4,
        linear_key_head_dim=6,
        linear_value_head_dim=10,
        head_dim=8,
    ),
    # The last block reads the keys and values of the first.
    "gemma4_text": dict(
        rope_parameters=dict(
            full_attention=dict(rope_type="proportional", partial_rotary_factor=0.5, rope_theta=1000.0),
            sliding_attention=dict(rope_type="default", rope_theta=50.0),
        ),
        num_hidden_layers=3,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        num_kv_shared_layers=1,
        head_dim=6,
        global_head_dim=8,
        hidden_size_per_layer_input=10,
        vocab_size_per_layer_input=decoders.IDS,
        sliding_window=8,
        final_logit_softcapping=1.5,
    ),
}
# What encodes images is as small as its class allows; nobody reads it.
VISION = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=8, patch_size=4)
QWEN_VISION = dict(depth=1, hidden_size=16, embed_dim=16, num_heads=2, intermediate_size=16, out_hidden_size=24, patch_size=4)
TWO_SIDES = {**VISION, "image_size": [8, 8], "patch_size": [4, 4]}
SAM = dict(hidden_size=16, output_channels=8, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=16)
SAM |= dict(mlp_dim=16, global_attn_indexes=[0], window_size=2)
PERCEIVER = dict(hidden_size=24, resampler_n_latents=2, resampler_depth=1, resampler_n_heads=2, resampler_head_dim=4)
PERCEIVER["num_key_value_heads"] = 2
QUANTISER = dict(embed_dim=4, num_embeddings=8, base_channels=32, channel_multiplier=[1], num_res_blocks=1, projection_dim=24)
QUANTISER |= dict(num_patches=4, image_token_embed_dim=24, latent_channels=4, double_latent=False)
AUDIO = dict(d_model=16, encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=16)
CONDITIONAL = "ForConditionalGeneration"

# A folder, the class, the type of the text part, and what else the configuration says.
CASES = [
    ("gemma3", f"Gemma3{CONDITIONAL}", "gemma3_text", {}),
    ("gemma3_classify", "Gemma3ForSequenceClassification", "gemma3_text", dict(num_labels=3)),
    ("mistral3", f"Mistral3{CONDITIONAL}", "mistral", dict(tie_word_embeddings=False)),
    ("qwen2_vl", f"Qwen2VL{CONDITIONAL}", "qwen2_vl_text", dict(vision_config=QWEN_VISION)),
    ("qwen2_vl_base", "Qwen2VLModel", "qwen2_vl_text", dict(vision_config=QWEN_VISION)),
    ("qwen2_5_vl", f"Qwen2_5_VL{CONDITIONAL}", "qwen2_5_vl_text", dict(vision_config=QWEN_VISION, tie_word_embeddings=True)),
    ("qwen3_vl", f"Qwen3VL{CONDITIONAL}", "qwen3_vl_text", dict(vision_config={**QWEN_VISION, "deepstack_visual_indexes": [0]})),
    ("qwen3_5", f"Qwen3_5{CONDITIONAL}", "qwen3_5_text", dict(vision_config=QWEN_VISION)),
    ("gemma4", f"Gemma4{CONDITIONAL}", "gemma4_text", {}),
    ("llava", f"Llava{CONDITIONAL}", "llama", {}),
    ("llava_base", "LlavaModel", "llama", {}),
    ("llava_qwen2", f"Llava{CONDITIONAL}", "qwen2", {}),
    ("llava_next", f"LlavaNext{CONDITIONAL}", "mistral", {}),
    ("llava_next_video", f"LlavaNextVideo{CONDITIONAL}", "llama", {}),
    ("llava_onevision", f"LlavaOnevision{CONDITIONAL}", "qwen2", {}),
    ("vipllava", f"VipLlava{CONDITIONAL}", "llama", dict(vision_feature_layers=[-1])),
    ("video_llava", f"VideoLlava{CONDITIONAL}", "llama", {}),
    ("paligemma", f"PaliGemma{CONDITIONAL}", "gemma", dict(projection_dim=24)),
    ("paligemma2", f"PaliGemma{CONDITIONAL}", "gemma2", dict(projection_dim=24)),
    ("idefics2", f"Idefics2{CONDITIONAL}", "mistral", dict(perceiver_config=PERCEIVER)),
    ("idefics3", f"Idefics3{CONDITIONAL}", "llama", {}),
    ("smolvlm", f"SmolVLM{CONDITIONAL}", "llama", dict(tie_word_embeddings=True)),
    ("internvl", f"InternVL{CONDITIONAL}", "qwen2", dict(vision_config=TWO_SIDES)),
    ("internvl_qwen3", f"InternVL{CONDITIONAL}", "qwen3", dict(vision_config=TWO_SIDES, tie_word_embeddings=False)),
    ("got_ocr2", f"GotOcr2{CONDITIONAL}", "qwen2", dict(vision_config=SAM)),
    ("aya_vision", f"AyaVision{CONDITIONAL}", "cohere2", dict(adapter_layer_norm_eps=1e-6)),
    ("cohere2_vision", f"Cohere2Vision{CONDITIONAL}", "cohere2", {}),
    ("deepseek_vl", f"DeepseekVL{CONDITIONAL}", "llama", {}),
    ("janus", f"Janus{CONDITIONAL}", "llama", dict(vq_config=QUANTISER)),
    ("ovis2", f"Ovis2{CONDITIONAL}", "qwen2", dict(hidden_size=24, vocab_size=64, visual_indicator_token_ids=[1, 1, 1, 1, 1])),
    ("video_llama_3", f"VideoLlama3{CONDITIONAL}", "qwen2", {}),
    ("lighton_ocr", f"LightOnOcr{CONDITIONAL}", "qwen3", {}),
    ("qianfan_ocr", f"QianfanOCR{CONDITIONAL}", "qwen3", dict(vision_config=TWO_SIDES)),
    ("qwen2_audio", f"Qwen2Audio{CONDITIONAL}", "qwen2", dict(audio_config=AUDIO)),
]


def config_of(class_, text_type, settings):
    """A configuration of the class; the text part is tied as the model says."""
    config_class = class_.config_class
    text = {**TEXT, **TEXTS_OF[text_type], "model_type": text_type, "pad_token_id": PAD}
    text.pop("num_labels")
    around = dict(text_config=text, image_token_index=1, image_token_id=1)
    if "audio_config" not in settings:
        around["vision_config"] = dict(VISION)
    return config_class(**{**around, **settings})


def part_of(model):
    """The name of the text part and the module."""
    names = ("model.language_model", "model.text_model", "language_model", "text_model")
    return next((name, model.get_submodule(name)) for name in names if any(path == name for path, _ in model.named_modules()))


def run(model, ids, types):
    inputs = dict(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long))
    if types:
        # As the model's own processor gives a text without an answer.
        inputs["token_type_ids"] = torch.zeros(1, len(ids), dtype=torch.long)
    with torch.inference_mode(), models.captured(model, len(ids)) as outputs:
        result = model(**inputs)
    return outputs, result.get("logits")


def case(name, class_name, text_type, settings):
    class_ = getattr(transformers, class_name)
    model = class_(config_of(class_, text_type, settings)).float().eval()
    model.set_attn_implementation("eager")
    path, text = part_of(model)
    seed = 700 + list(TEXTS_OF).index(text_type)
    models.randomise(text, seed, torch.bfloat16)
    tensors = {key: value for key, value in text.state_dict().items()}
    head = next((head for head in ("lm_head", "score") if hasattr(model, head)), None)
    if head:
        scores = getattr(model, head)
        if scores.weight.data_ptr() != text.embed_tokens.weight.data_ptr():
            models.randomise(scores, seed + 50, torch.bfloat16)
        tensors[f"{head}.weight"] = scores.weight.data
    place = folder("multimodal", name)
    model.config.architectures, model.config.dtype = [class_name], "float32"
    with tempfile.TemporaryDirectory() as saved:
        model.config.save_pretrained(saved)
        shutil.copy(f"{saved}/config.json", place / "config.json")
    outputs, expected = [], {}
    for index in (0, 2):
        found, logits = run(model, TEXTS[index], "paligemma" in name)
        outputs.append(found)
        if index == 0:
            kept = (f"{path}.embed_tokens", f"{path}.layers.0.mlp", f"{path}.layers.1.self_attn", f"{path}.norm")
            expected |= {f"0/{module}": found[module][0].contiguous() for module in kept}
        expected[f"{index}/{path}.layers.1"] = found[f"{path}.layers.1"][0].contiguous()
        if logits is not None:
            expected[f"{index}/logits"] = logits[0].contiguous()
    save_file(expected, place / "expected.safetensors")
    inside = (path, head or path)
    modules = [
        {key: module[key] for key in ("path", "class", "splits")}
        for module in models.listing(model, outputs, {})
        if module["path"] == path.rpartition(".")[0] or f"{module['path']}.".startswith(tuple(f"{at}." for at in inside))
    ]
    write_json(place / "modules.json", modules)
    print(f"  {name}: {len(modules)} modules, largest logit {max(value.abs().max() for value in expected.values()):.3g}")
    return {key: value.clone().to(torch.bfloat16) for key, value in tensors.items()}


def generate(_shared):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    shutil.rmtree(folder("multimodal"))
    weights = {}
    with models.reading(first_per_token=decoders.first_per_token):
        for name, class_name, text_type, settings in CASES:
            tensors = case(name, class_name, text_type, settings)
            known = weights.setdefault(text_type, {})
            for key, value in tensors.items():
                is_tied = key == "lm_head.weight" and torch.equal(value, tensors["embed_tokens.weight"])
                if not is_tied:
                    assert key not in known or torch.equal(known[key], value), f"{name}: {key} is another one"
                    known[key] = value
    for text_type, tensors in weights.items():
        save_file(tensors, folder("multimodal", "weights") / f"{text_type}.safetensors", metadata={"format": "pt"})
