"""libsql-client for Python, which implements the protocol by itself, over HTTP and WebSocket, primary and replica."""

import unittest

import libsql_client

from server import Server

server = None


def setUpModule():
    global server
    server = Server()


def tearDownModule():
    server.stop()


class Cases:
    scheme = ""
    instance = 0

    async def asyncSetUp(self):
        address = server.address(self.scheme, self.instance)
        self.client = libsql_client.create_client(address, auth_token=server.jwt, tls=False)
        await self.client.batch(["DROP TABLE IF EXISTS t", "CREATE TABLE t (id INTEGER PRIMARY KEY, v)"])

    async def asyncTearDown(self):
        await self.client.close()

    async def test_values_come_back_as_they_went(self):
        for value in (None, 0, -1, 2**53, 1.5, -0.1, "", "Élan ✓", b"", bytes(range(256))):
            result = await self.client.execute("SELECT ? AS v, typeof(?) AS t", [value, value])
            self.assertEqual(result.columns, ("v", "t"))
            self.assertEqual(result.rows[0]["v"], value)

    async def test_named_arguments_and_counts(self):
        result = await self.client.execute("INSERT INTO t (v) VALUES (:a), ($b)", {"a": 1, "b": "two"})
        self.assertEqual(result.rows_affected, 2)
        self.assertEqual(result.last_insert_rowid, 2)
        result = await self.client.execute("SELECT v FROM t ORDER BY id")
        self.assertEqual([row[0] for row in result.rows], [1, "two"])

    async def test_a_failed_statement_has_code_and_message(self):
        with self.assertRaises(libsql_client.LibsqlError) as caught:
            await self.client.execute("SELECT * FROM missing")
        self.assertIn("no such table: missing", str(caught.exception))
        await self.client.execute("INSERT INTO t VALUES (1, 1)")
        with self.assertRaises(libsql_client.LibsqlError) as caught:
            await self.client.execute("INSERT INTO t VALUES (1, 1)")
        self.assertEqual(caught.exception.code, "SQLITE_CONSTRAINT")

    async def test_a_batch_is_one_transaction(self):
        with self.assertRaises(libsql_client.LibsqlError):
            await self.client.batch(["INSERT INTO t VALUES (1, 'a')", "INSERT INTO t VALUES (1, 'b')"])
        result = await self.client.execute("SELECT count(*) FROM t")
        self.assertEqual(result.rows[0][0], 0)
        results = await self.client.batch(["INSERT INTO t VALUES (1, 'a')", ("SELECT v FROM t WHERE id = ?", [1])])
        self.assertEqual(results[1].rows[0][0], "a")

    async def test_interactive_transactions(self):
        if self.scheme == "http":
            self.skipTest("this client has interactive transactions over WebSocket alone")
        transaction = self.client.transaction()
        await transaction.execute("INSERT INTO t VALUES (1, 'kept')")
        await transaction.commit()
        transaction = self.client.transaction()
        await transaction.execute("INSERT INTO t VALUES (2, 'dropped')")
        result = await transaction.execute("SELECT count(*) FROM t")
        self.assertEqual(result.rows[0][0], 2)
        await transaction.rollback()
        result = await self.client.execute("SELECT v FROM t")
        self.assertEqual([row[0] for row in result.rows], ["kept"])

    async def test_a_wrong_token_is_refused(self):
        address = server.address(self.scheme, self.instance)
        stranger = libsql_client.create_client(address, auth_token="not.a.token", tls=False)
        with self.assertRaises(Exception):
            await stranger.execute("SELECT 1")
        await stranger.close()


class HttpAtThePrimary(Cases, unittest.IsolatedAsyncioTestCase):
    scheme, instance = "http", 0


class HttpAtAReplica(Cases, unittest.IsolatedAsyncioTestCase):
    scheme, instance = "http", 1


class SocketAtThePrimary(Cases, unittest.IsolatedAsyncioTestCase):
    scheme, instance = "ws", 0


class SocketAtAReplica(Cases, unittest.IsolatedAsyncioTestCase):
    scheme, instance = "ws", 1


if __name__ == "__main__":
    unittest.main()
