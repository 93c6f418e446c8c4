# Claude Code on a model of Drover: source this file, then run "claude" in the folder of your project.
# The address goes without /v1: Claude Code asks /v1/messages below it.
export ANTHROPIC_BASE_URL=http://127.0.0.1:5800
# Where Drover asks for one: drover keys add claude --scopes chat,model_read
export ANTHROPIC_AUTH_TOKEN=none
export ANTHROPIC_MODEL=qwen3-4b
# What it asks of smaller models on the side goes to the same one, so that none has to be loaded in between.
export ANTHROPIC_DEFAULT_HAIKU_MODEL=qwen3-4b
