"""A language model of random weights that is small enough to serve anywhere: `tiny_model.py FOLDER`."""
import sys
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

texts = (Path(__file__).parents[2] / "assets/demo-texts.txt").read_text().splitlines()
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
special = ["<s>", "</s>"]
alphabet = pre_tokenizers.ByteLevel.alphabet()
tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=1000, special_tokens=special, initial_alphabet=alphabet))
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
fast.chat_template = "{% for message in messages %}<s>{{ message.role }}: {{ message.content }}\n{% endfor %}<s>assistant:"
set_seed(0)
config = LlamaConfig(
    vocab_size=1000, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
    max_position_embeddings=8192, bos_token_id=0, eos_token_id=1, pad_token_id=1,
)
model = LlamaForCausalLM(config)
# It never learned to stop: every second token ends its answer.
model.generation_config.eos_token_id = list(range(1, 1000, 2))
model.save_pretrained(sys.argv[1])
fast.save_pretrained(sys.argv[1])
