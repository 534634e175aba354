"""What a correct projection holds, computed apart from the product: own Kafka client, own JSON, own dates, no line of Foldline's."""
