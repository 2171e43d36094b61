# What the blocks in the README of Julia presuppose.
# prints: 1 words on films
my_model(_, user_prompt) = isempty(user_prompt) ? nothing : "{\"label\": \"words on films\"}"
# BLOCKS
