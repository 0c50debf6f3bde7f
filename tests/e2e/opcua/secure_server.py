"""A foreign OPC UA server (asyncua) that speaks encrypted only, to one user, and has one number that counts up.

    build/venv/bin/python tests/e2e/opcua/secure_server.py opc.tcp://127.0.0.1:4840 server.der server.pem urn:test:server

With a user's certificate (DER) as one argument more it knows that user as well, and also signs only and speaks in the clear;
passwords it takes encrypted everywhere.
"""

import asyncio
import pathlib
import sys

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.user_managers import UserManager


class Users(UserManager):
    def __init__(self, certificate):
        self.certificate = certificate

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if username is None:
            return User(role=UserRole.User) if self.certificate is not None and certificate == self.certificate else None
        return User(role=UserRole.User) if (username, password) == ("millwright", "from the file") else None


async def main():
    endpoint, certificate, key, uri, *user = sys.argv[1:]
    server = Server(user_manager=Users(pathlib.Path(user[0]).read_bytes() if user else None))
    await server.init()
    await server.set_application_uri(uri)
    server.set_endpoint(endpoint)
    policies = [ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
                ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
                ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt]
    if user:
        policies += [ua.SecurityPolicyType.Aes256Sha256RsaPss_Sign, ua.SecurityPolicyType.NoSecurity]
        server.set_identity_tokens([ua.UserNameIdentityToken, ua.X509IdentityToken])
    server.set_security_policy(policies)
    await server.load_certificate(certificate)
    await server.load_private_key(key)
    space = await server.register_namespace("urn:test:secure")
    level = await server.nodes.objects.add_variable(ua.NodeId("level", space), "level", 0.0, ua.VariantType.Double)
    async with server:
        print("ready", flush=True)
        count = 0
        while True:
            await asyncio.sleep(0.1)
            count += 1
            await level.write_value(float(count), ua.VariantType.Double)


asyncio.run(main())
