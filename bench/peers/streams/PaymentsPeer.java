import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.HexFormat;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Pattern;
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

/**
 * The payment job on Kafka Streams: exactly once (EOS v2), one thread, headers passed on by the framework. Orders
 * are checked and charged by the rules of our service, without its window of settled orders.
 */
public final class PaymentsPeer {
    record Order(
            String order_id, String user_id, BigDecimal amount, int items, String timestamp, String item) {}

    record Payment(
            String order_id, String user_id, BigDecimal amount, String status, String payment_id, int attempts,
            String reason) {}

    record Status(String order_id, String status, String updated_at, String reason) {}

    /** Charges one order and forwards its payment and its new status. */
    static final class Charge implements Processor<byte[], byte[], byte[], byte[]> {
        private static final ObjectMapper JSON =
                new ObjectMapper()
                        .configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false)
                        .setSerializationInclusion(JsonInclude.Include.NON_NULL);
        private static final Pattern IDENTIFIER = Pattern.compile("[A-Za-z0-9._:@-]{1,128}");
        private static final BigDecimal MOST = new BigDecimal("9999999999.99");
        private static final long BELOW = (long) (0.8 * (1L << 32));
        private final MessageDigest verdicts = sha256();
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
            check(order);
            String key = order.user_id() + " " + order.order_id();
            String digest = HexFormat.of().formatHex(verdicts.digest(key.getBytes(StandardCharsets.UTF_8)), 0, 12);
            boolean paid = Long.parseLong(digest, 0, 8, 16) < BELOW;
            String reason = paid ? null : "declined by the issuer";
            Payment payment = new Payment(
                    order.order_id(), order.user_id(), order.amount().setScale(2),
                    paid ? "SUCCESS" : "FAILED", "PAY-" + digest, 1, reason);
            Status status =
                    new Status(order.order_id(), paid ? "PAID" : "DECLINED", Instant.now().toString(), reason);
            byte[] orderId = order.order_id().getBytes(StandardCharsets.UTF_8);
            byte[] userId = order.user_id().getBytes(StandardCharsets.UTF_8);
            byte[] paymentValue = payments.writeValueAsBytes(payment);
            byte[] statusValue = statuses.writeValueAsBytes(status);
            context.forward(record.withKey(userId).withValue(paymentValue), "payments");
            context.forward(record.withKey(orderId).withValue(statusValue), "order-status");
        }

        private static void check(Order order) {
            OffsetDateTime.parse(order.timestamp());
            require(IDENTIFIER.matcher(order.order_id()).matches(), "order_id");
            require(IDENTIFIER.matcher(order.user_id()).matches(), "user_id");
            BigDecimal amount = order.amount();
            require(amount.signum() > 0 && amount.compareTo(MOST) <= 0 && amount.scale() <= 2, "amount");
            require(order.items() >= 1 && order.items() <= 1_000_000, "items");
            require(order.item() == null || (!order.item().isEmpty() && order.item().length() <= 256), "item");
        }

        private static void require(boolean holds, String field) {
            if (!holds) {
                throw new IllegalArgumentException("$." + field + " is not what it should be");
            }
        }

        private static MessageDigest sha256() {
            try {
                return MessageDigest.getInstance("SHA-256");
            } catch (NoSuchAlgorithmException impossible) {
                throw new IllegalStateException(impossible);
            }
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
