aws sqs send-message --queue-url "$QUEUE_URL" --message-body \
  "{\"case_id\": \"8f5a2c1e9b7d4e60\", \"group_id\": \"5f0c31b2a4\", \"read_at\": \"$(date -u +%FT%TZ)\"}"
