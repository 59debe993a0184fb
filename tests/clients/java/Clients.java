// Verifies an access token with Nimbus JOSE + JWT, in the way that its documentation recommends.
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.net.URL;
import java.util.Set;

class Clients {
    public static void main(String[] arguments) {
        String issuer = System.getenv("ISSUER");
        try {
            var keys = JWKSourceBuilder.create(new URL(issuer + "/.well-known/jwks.json")).build();
            var processor = new DefaultJWTProcessor<SecurityContext>();
            processor.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("at+jwt")));
            processor.setJWSKeySelector(
                new JWSVerificationKeySelector<>(JWSAlgorithm.parse(System.getenv("ALGORITHM")), keys));
            processor.setJWTClaimsSetVerifier(new DefaultJWTClaimsVerifier<>(
                System.getenv("AUDIENCE"), new JWTClaimsSet.Builder().issuer(issuer).build(),
                Set.of("sub", "iat", "exp", "client_id", "jti")));
            JWTClaimsSet claims = processor.process(System.getenv("TOKEN"), null);
            System.out.println("Nimbus\t" + ("gatepost".equals(claims.getStringClaim("client_id")) ? "ok" : "client_id"));
        } catch (Exception error) {
            System.out.println("Nimbus\t" + error.getClass().getSimpleName() + ": " + error.getMessage());
        }
        System.exit(0);
    }
}
