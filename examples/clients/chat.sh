#!/bin/sh
# What is asked often, with curl: chat.sh MODEL
# OPENAI_BASE_URL and OPENAI_API_KEY are those of OpenAI's own library.
set -eu
base=${OPENAI_BASE_URL:-http://127.0.0.1:5800/v1}
key=${OPENAI_API_KEY:-none}
model=${1:?usage: chat.sh MODEL}

ask() {
  # Without -N curl keeps lines back.
  curl -N --no-progress-meter --fail-with-body -H "Authorization: Bearer $key" "$@"
}

# Which models there are
ask "$base/models"
echo

# A chat, streamed
ask "$base/chat/completions" -H 'Content-Type: application/json' \
  -d "{\"model\": \"$model\", \"stream\": true, \"messages\": [{\"role\": \"user\", \"content\": \"Hello!\"}]}"

# The same by the API of Anthropic, and that of OpenAI's responses
ask "$base/messages" -H 'Content-Type: application/json' \
  -d "{\"model\": \"$model\", \"max_tokens\": 64, \"messages\": [{\"role\": \"user\", \"content\": \"Hello!\"}]}"
echo
ask "$base/responses" -H 'Content-Type: application/json' \
  -d "{\"model\": \"$model\", \"max_output_tokens\": 64, \"input\": \"Hello!\"}"
echo
