LOCUS       A1                  22 aa            linear   BCT 01-JAN-2020
DEFINITION  one.
ACCESSION   A1
VERSION     A1.1
FEATURES             Location/Qualifiers
     source          1..22
ORIGIN      
        1 mktayiakqr qisfvkshfs rq
//

LOCUS       A2                  22 aa            linear   BCT 01-JAN-2020
DEFINITION  one.
ACCESSION   A2
VERSION     A2.1
FEATURES             Location/Qualifiers
     source          1..22
ORIGIN      
        1 mktayiakqr qisfvkshfs rq
//

LOCUS       A3                  22 aa            linear   BCT 01-JAN-2020
DEFINITION  one.
ACCESSION   A3
VERSION     A3.1
FEATURES             Location/Qualifiers
     source          1..22
ORIGIN      
        1 mktayiakqr qisfvkshfs rq
//

