import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.zip.CRC32;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/** The payment job on Kafka Streams: exactly once (EOS v2), one thread, headers passed on by the framework. */
public final class PaymentsPeer {
    record Order(
            String order_id, String user_id, BigDecimal amount, int items, String timestamp, String item) {}

    record Payment(
            String order_id, String user_id, BigDecimal amount, String status, String payment_id, int attempts) {}

    record Status(String order_id, String status, String updated_at) {}

    /** Charges one order and forwards its payment and its new status. */
    static final class Charge implements Processor<byte[], byte[], byte[], byte[]> {
        private static final ObjectMapper JSON =
                new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);
        private final ObjectReader orders = JSON.readerFor(Order.class);
        private final ObjectWriter payments = JSON.writerFor(Payment.class);
        private final ObjectWriter statuses = JSON.writerFor(Status.class);
        private ProcessorContext<byte[], byte[]> context;

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            try {
                charge(record);
            } catch (IOException | RuntimeException invalid) {
                context.forward(record, "failed-orders");
            }
        }

        private void charge(Record<byte[], byte[]> record) throws IOException {
            Order order = orders.readValue(record.value());
            OffsetDateTime.parse(order.timestamp());
            if (order.amount().signum() <= 0) {
                throw new IllegalArgumentException("amount must be greater than 0");
            }
            byte[] orderId = order.order_id().getBytes(StandardCharsets.UTF_8);
            CRC32 verdict = new CRC32();
            verdict.update(orderId);
            boolean paid = verdict.getValue() % 100 < 80;
            Payment payment = new Payment(
                    order.order_id(), order.user_id(), order.amount(),
                    paid ? "SUCCESS" : "FAILED", "PAY-" + order.order_id(), 1);
            Status status = new Status(order.order_id(), paid ? "PAID" : "DECLINED", Instant.now().toString());
            byte[] userId = order.user_id().getBytes(StandardCharsets.UTF_8);
            byte[] paymentValue = payments.writeValueAsBytes(payment);
            byte[] statusValue = statuses.writeValueAsBytes(status);
            context.forward(record.withKey(userId).withValue(paymentValue), "payments");
            context.forward(record.withKey(orderId).withValue(statusValue), "order-status");
        }
    }

    public static void main(String[] arguments) throws Exception {
        String prefix = System.getenv("TOPIC_PREFIX");
        KafkaStreams streams = new KafkaStreams(topology(prefix), settings());
        CountDownLatch stopped = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(java.time.Duration.ofSeconds(10));
            stopped.countDown();
        }));
        streams.start();
        stopped.await();
    }

    private static Topology topology(String prefix) {
        ByteArraySerializer bytes = new ByteArraySerializer();
        Topology topology = new Topology();
        topology.addSource(
                "orders", new ByteArrayDeserializer(), new ByteArrayDeserializer(), prefix + "orders");
        topology.addProcessor("charge", Charge::new, "orders");
        for (String sink : new String[] {"payments", "order-status", "failed-orders"}) {
            topology.addSink(sink, prefix + sink, bytes, bytes, "charge");
        }
        return topology;
    }

    private static Properties settings() throws IOException {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("KAFKA_BOOTSTRAP_SERVERS"));
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getenv("KAFKA_GROUP_ID"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, Files.createTempDirectory("payments-peer").toString());
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        String commitInterval = System.getenv("COMMIT_INTERVAL_MS");
        if (commitInterval != null) {
            settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, commitInterval);
        }
        String linger = System.getenv("LINGER_MS");
        if (linger != null) {
            settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), linger);
        }
        return settings;
    }
}
