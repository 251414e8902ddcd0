import datetime, json, os, boto3

now = datetime.datetime.now(datetime.timezone.utc)
receipt = {"case_id": "8f5a2c1e9b7d4e60", "group_id": "5f0c31b2a4", "read_at": now.isoformat()}
boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=json.dumps(receipt))
