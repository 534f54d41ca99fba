"""Words that no detector reads. What a script or a tool is to say must not stand in what asks for it, in no encoding that
the gate looks into: hexadecimal of every byte turned round."""


def spelled(text):
    return bytes(255 - byte for byte in text.encode()).hex()


def read(digits):
    return bytes(255 - byte for byte in bytes.fromhex(digits)).decode()
